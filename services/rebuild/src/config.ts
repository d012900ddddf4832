import { z } from 'zod'
import { configSchema as cacheConfigSchema } from '../../cache-updater/src/config.ts'
import { configSchema as searchConfigSchema } from '../../search-indexer/src/config.ts'
import { configSchema as warehouseConfigSchema } from '../../warehouse-loader/src/config.ts'
import { storeNames } from './generation.ts'

const seconds = z.coerce
  .number()
  .min(0)
  .transform((value) => value * 1_000)

/** What the sinks of the lane are told, so that the filler reads and writes as they do. The URLs are an administrator's. */
const ofSinks = cacheConfigSchema.pick({
  LANE: true,
  RECORD_FORMAT: true,
  TOPIC_EPOCH: true,
  KAFKA_BROKERS: true,
  REDIS_URL: true,
  DELETED_VERSION_TTL_S: true,
})

export const configSchema = ofSinks.extend({
  ELASTICSEARCH_URL: searchConfigSchema.shape.ELASTICSEARCH_URL,
  CLICKHOUSE_URL: warehouseConfigSchema.shape.CLICKHOUSE_URL,
  STORE: z.enum([...storeNames, 'all'], `must be ${storeNames.join(', ')} or all`),
  /** Leaves the old generation, for `compare`, until the next rebuild. */
  KEEP: z
    .enum(['0', '1'], 'must be 1 (keep the old generation) or 0')
    .default('0')
    .transform((value) => value === '1'),
  /** A file that the result is written to, too. */
  JSON: z.string().optional(),
  /** Of each store's rebuild, until its switch. */
  DEADLINE_S: seconds.default(3_600_000),
  /** How long readers who found the old generation may go on with it before it is removed. */
  GRACE_S: seconds.default(10_000),
  /** How many differing keys `compare` shows. */
  EXAMPLES: z.coerce.number().int().min(0).default(10),
})
export type Config = z.output<typeof configSchema>
