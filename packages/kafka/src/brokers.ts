import { z } from 'zod'

/** KAFKA_BROKERS: `host:port`, several separated by commas. */
export const brokersSchema = z
  .string()
  .transform((text) => text.split(',').map((broker) => broker.trim()))
  .pipe(z.array(z.string().regex(/^[^\s:]+:\d+$/, 'must be host:port, several separated by commas')))
