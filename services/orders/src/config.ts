import { brokersSchema } from '@driftlab/kafka'
import { portSchema } from '@driftlab/service'
import { z } from 'zod'

const laneSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be small letters, digits and dashes, beginning with a letter')

const postgresUrlSchema = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' })

const shared = {
  HOST: z.string().default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  /** The schema, index, keys and tables to write; by default those named for the strategy. */
  LANE: laneSchema.optional(),
}

const inPostgres = { ...shared, POSTGRES_URL: postgresUrlSchema }

const elasticsearchUrlSchema = z.url({ protocol: /^https?$/, error: 'must be an http:// URL' })

const derivedStoreUrls = {
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }),
  ELASTICSEARCH_URL: elasticsearchUrlSchema,
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

/** What the process needs to know. Only dual writes need to know of every other store. */
export const configSchema = z.discriminatedUnion(
  'WRITE_STRATEGY',
  [
    z.object({ ...inPostgres, WRITE_STRATEGY: z.enum(singleWrites) }),
    z.object({ ...inPostgres, WRITE_STRATEGY: z.enum(dualWriteVariants), ...derivedStoreUrls }),
    z.object({
      ...shared,
      WRITE_STRATEGY: z.literal('event-sourcing'),
      KAFKA_BROKERS: brokersSchema,
      /** Of the list of orders, which is a view. */
      ELASTICSEARCH_URL: elasticsearchUrlSchema,
      /** How long a client waits for its outcome before it is told where to look. */
      ANSWER_TIMEOUT_MS: z.coerce.number().int().positive().default(5_000),
    }),
    z.object({
      ...inPostgres,
      WRITE_STRATEGY: z.literal('two-phase-commit'),
      /** The second database that takes part. */
      READ_MODEL_URL: postgresUrlSchema,
      /** A file on a disk that outlives the process; each process has one of its own. */
      COORDINATOR_LOG: z.string(),
    }),
  ],
  {
    error: `must be one of ${[...singleWrites, ...dualWriteVariants, 'two-phase-commit', 'event-sourcing'].join(', ')}`,
  },
)
export type Config = Readonly<z.output<typeof configSchema>>

export function laneOf(config: Config): string {
  return config.LANE ?? config.WRITE_STRATEGY
}
