import { brokersSchema } from '@driftlab/kafka'
import { portSchema } from '@driftlab/service'
import { z } from 'zod'

/** The name of a lane; its topics are named after it. */
export const laneSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'must be small letters, digits and dashes')
  .default('event-sourcing')

export const configSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  KAFKA_BROKERS: brokersSchema,
  LANE: laneSchema,
  /** A folder of this process alone, for what it knows of its partitions. Without it, or when it is lost, the log is read anew. */
  STATE_DIR: z.string(),
  /** How many of the latest commands of a partition are remembered, so that a repeat gets the first answer again. */
  OUTCOMES_KEPT: z.coerce.number().int().positive().default(1_000_000),
  /** What one batch of commands of a partition may take; with it, memory is bounded. */
  BATCH_BYTES_MAX: z.coerce.number().int().positive().default(262_144),
  SESSION_TIMEOUT_MS: z.coerce.number().int().min(6_000).optional(),
})
