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
export const recordedAnswerSchema = z.object({ recordedSinceMs: z.number(), writes: z.array(writeSchema) })

export const recordedWritesSchema = z.object({
  instances: z.number(),
  silent: z.number(),
  /** By the moment at which each began. `instance` is counted from 1. */
  writes: z.array(writeSchema.extend({ instance: z.number() })).readonly(),
})

export type StoreWrite = Readonly<z.output<typeof storeWriteSchema>>
export type RecordedAnswer = Readonly<z.output<typeof recordedAnswerSchema>>
export type RecordedWrites = Readonly<z.output<typeof recordedWritesSchema>>
export type RecordedWrite = Readonly<RecordedWrites['writes'][number]>

/** @param answers of every instance in turn; undefined of one that gave none. */
export function mergeRecorded(answers: readonly (RecordedAnswer | undefined)[]): RecordedWrites {
  return {
    instances: answers.length,
    silent: answers.filter((answer) => answer === undefined).length,
    writes: answers
      .flatMap((answer, index) => (answer?.writes ?? []).map((write) => ({ ...write, instance: index + 1 })))
      .sort((one, other) => beganMs(one) - beganMs(other)),
  }
}

const beganMs = ({ stores: [first] }: RecordedWrite): number => first?.beganMs ?? 0
