import { brokersSchema } from '@driftlab/kafka'
import { portSchema } from '@driftlab/service'
import { z } from 'zod'
import { readerNames } from './reader.ts'
import { relayedTables } from './table.ts'

export const configSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  POSTGRES_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
  KAFKA_BROKERS: brokersSchema,
  LANE: z.string().regex(/^[a-z][a-z0-9-]*$/),
  /** The table to publish. */
  TABLE: z.enum(relayedTables),
  /** By default the lane's own topic. One relay publishes to a topic at a time; further ones wait for it to go. */
  TOPIC: z.string().optional(),
  /** How to find what is new. `take` and `snapshot` are right; the others are here to be seen failing. */
  READER: z.enum(readerNames).default('take'),
  BATCH_SIZE_MAX: z.coerce.number().int().positive().default(500),
  /** How long to rest when there was nothing to publish. */
  POLL_INTERVAL_MS: z.coerce.number().int().positive().default(20),
})
