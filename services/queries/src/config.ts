import { portSchema } from '@driftlab/service'
import { z } from 'zod'
import { laneStrategies } from './lanes.ts'

export const configSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  /** The lanes to show, separated by commas; the first is shown when none is asked for. */
  LANES: z
    .string()
    .default('cdc,dual-write')
    .transform((text) => text.split(',').map((name) => name.trim()))
    .pipe(
      z.tuple([z.enum(laneStrategies)], z.enum(laneStrategies), {
        error: `must be some of ${laneStrategies.join(', ')}, separated by commas`,
      }),
    ),
  POSTGRES_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' }),
  ELASTICSEARCH_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// URL' }),
  CLICKHOUSE_URL: z.url({ protocol: /^https?$/, error: 'must be an http:// URL' }),
  /** How long a store may take for an answer. */
  STORE_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(5_000),
})
export type Config = Readonly<z.output<typeof configSchema>>
