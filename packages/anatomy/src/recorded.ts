/**
 * How the newest writes of one order reached the stores, put together from what every instance of its orders service
 * answers to `GET /orders/{id}/writes`.
 *
 * Invariant: an instance that did not answer is counted in `silent`: what it wrote is then not in here.
 */
import { z } from 'zod'

const storeWriteSchema = z.object({
  store: z.enum(['postgresql', 'redis', 'elasticsearch', 'clickhouse']),
  /** Milliseconds since 1970, with fractions, by the clock of the service. */
  beganMs: z.number(),
  endedMs: z.number().nullable(),
  outcome: z.enum(['pending', 'acknowledged', 'failed']),
  error: z.string().nullable(),
})
const writeSchema = z.object({
  id: z.string(),
  operation: z.enum(['create', 'update', 'remove']),
  revision: z.number().nullable(),
  stores: z.array(storeWriteSchema).readonly(),
})

/** Of one instance. */
const recordedAnswerSchema = z.object({ recordedSinceMs: z.number(), writes: z.array(writeSchema) })

export const recordedWritesSchema = z.object({
  instances: z.number(),
  silent: z.number(),
  /** By the moment at which each began. `instance` is counted from 1. */
  writes: z.array(writeSchema.extend({ instance: z.number() })).readonly(),
})

export type StoreWrite = Readonly<z.output<typeof storeWriteSchema>>
export type RecordedWrites = Readonly<z.output<typeof recordedWritesSchema>>
export type RecordedWrite = Readonly<RecordedWrites['writes'][number]>

/**
 * Asks every instance. @param urls of the instances.
 * @param readJson what a URL answers; where it throws, or the answer is of another shape, the instance is silent.
 */
export async function readRecorded(
  urls: readonly string[],
  orderId: string,
  readJson: (url: string) => Promise<unknown>,
): Promise<RecordedWrites> {
  const answers = await Promise.all(
    urls.map(async (url) => {
      try {
        return recordedAnswerSchema.parse(await readJson(`${url}/orders/${encodeURIComponent(orderId)}/writes`))
      } catch {
        // It is counted, and whoever shows the writes says so.
        return undefined
      }
    }),
  )
  return {
    instances: answers.length,
    silent: answers.filter((answer) => answer === undefined).length,
    writes: answers
      .flatMap((answer, index) => (answer?.writes ?? []).map((write) => ({ ...write, instance: index + 1 })))
      .sort((one, other) => beganMs(one) - beganMs(other)),
  }
}

const beganMs = ({ stores: [first] }: RecordedWrite): number => first?.beganMs ?? 0
