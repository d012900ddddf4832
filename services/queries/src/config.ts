import { brokersSchema } from '@driftlab/kafka'
import { portSchema } from '@driftlab/service'
import { z } from 'zod'
import { laneStrategies } from './lanes.ts'

const lanesSchema = z
  .string()
  .default('cdc,dual-write')
  .transform((text) => text.split(',').map((name) => name.trim()))
  .pipe(
    z.tuple([z.enum(laneStrategies)], z.enum(laneStrategies), {
      error: `must be some of ${laneStrategies.join(', ')}, separated by commas`,
    }),
  )

export const configSchema = z
  .object({
    HOST: z.string().default('127.0.0.1'),
    PORT: portSchema,
    LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    /** The lanes to show, separated by commas; the first is shown when none is asked for. */
    LANES: lanesSchema,
    POSTGRES_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
    REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }),
    ELASTICSEARCH_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// URL' }),
    CLICKHOUSE_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// URL' }),
    /** Of the lane whose truth is a log. */
    KAFKA_BROKERS: brokersSchema.optional(),
    /** How long a store may take for an answer. */
    STORE_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(5_000),
    /** The same of the log, which is read from its beginning. */
    LOG_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(20_000),
  })
  .refine(({ LANES, KAFKA_BROKERS }) => !LANES.includes('event-sourcing') || KAFKA_BROKERS !== undefined, {
    error: 'is needed by lane event-sourcing',
    path: ['KAFKA_BROKERS'],
  })
export type Config = Readonly<z.output<typeof configSchema>>
