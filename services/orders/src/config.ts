import { portSchema } from '@driftlab/service'
import { z } from 'zod'

const laneSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be small letters, digits and dashes, beginning with a letter')

const shared = {
  HOST: z.string().default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  POSTGRES_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
  /** The schema, index, keys and tables to write; by default those named for the strategy. */
  LANE: laneSchema.optional(),
}

const derivedStoreUrls = {
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }),
  ELASTICSEARCH_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// URL' }),
  CLICKHOUSE_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// URL' }),
}

/** Dual writes as most systems have them, and their usual repairs. */
export const dualWriteVariants = [
  'dual-write',
  'dual-write-parallel',
  'dual-write-retry',
  'dual-write-in-transaction',
  'dual-write-last-writer-wins',
] as const
export type DualWriteVariant = (typeof dualWriteVariants)[number]

/** Those that write the system of record and leave the rest to others: the log, a relay. */
export const singleWrites = ['cdc', 'outbox', 'trigger'] as const

/** What the process needs to know. Only dual writes need to know of the other stores. */
export const configSchema = z.discriminatedUnion(
  'WRITE_STRATEGY',
  [
    z.object({ ...shared, WRITE_STRATEGY: z.enum(singleWrites) }),
    z.object({ ...shared, WRITE_STRATEGY: z.enum(dualWriteVariants), ...derivedStoreUrls }),
  ],
  { error: `must be one of ${[...singleWrites, ...dualWriteVariants].join(', ')}` },
)
export type Config = Readonly<z.output<typeof configSchema>>

export function laneOf(config: Config): string {
  return config.LANE ?? config.WRITE_STRATEGY
}
