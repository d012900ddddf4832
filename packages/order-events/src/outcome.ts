/**
 * What became of each command. Every command of a partition has one outcome, in their order, so the last outcome also
 * says how far the commands are decided: it is the processor's place.
 */
import { orderDocumentSchema } from '@driftlab/order'
import { z } from 'zod'
import { refusalSchema } from './decide.ts'
import type { State } from './state.ts'
import { parseJson, Unreadable, unreadableReasons } from './unreadable.ts'

export const outcomeVersion = 1

const subject = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('order'), order: orderDocumentSchema }),
  z.object({ kind: z.literal('removed-order'), order: orderDocumentSchema }),
  z.object({ kind: z.literal('stock'), receivedUnits: z.int(), reservedUnits: z.int() }),
])
/** What a command was about, as it is after it. */
export type Subject = z.output<typeof subject>

const result = z.discriminatedUnion('status', [
  z.object({ status: z.literal('accepted'), subject }),
  z.object({ status: z.literal('answered'), subject }),
  /** One stop of several; another outcome of the same command follows. */
  z.object({ status: z.literal('forwarded') }),
  z.object({ status: z.literal('refused'), refusal: refusalSchema }),
  /** It cannot be read, and lies among the dead letters. */
  z.object({ status: z.literal('parked'), reason: z.enum(unreadableReasons), message: z.string() }),
])
export type Result = z.output<typeof result>

const outcomeSchema = z.object({
  version: z.literal(outcomeVersion),
  /** Null when the command could not be read. */
  commandId: z.uuid().nullable(),
  /** The key under which it was decided. */
  key: z.string().nullable(),
  /** Of the command, in the partition of the same number. */
  offset: z.int().nonnegative(),
  fingerprint: z.string().nullable(),
  /** Whether it is the answer to a repeat. */
  repeated: z.boolean(),
  result,
})
export type Outcome = Readonly<z.output<typeof outcomeSchema>>

export function subjectOf(state: State): Subject | undefined {
  switch (state.kind) {
    case 'no-order':
      return undefined
    case 'order':
    case 'removed-order':
      return { kind: state.kind, order: { ...state.order, items: [...state.order.items] } }
    case 'stock':
      return { kind: 'stock', receivedUnits: state.receivedUnits, reservedUnits: state.reservedUnits }
  }
}

export function encodeOutcome(outcome: Outcome): { readonly key: string | null; readonly value: string } {
  return { key: outcome.commandId, value: JSON.stringify(outcome) }
}

/** @throws {Unreadable} */
export function decodeOutcome(value: Buffer | null): Outcome {
  const parsed = outcomeSchema.safeParse(parseJson(value))
  if (parsed.success) return parsed.data
  throw new Unreadable('malformed', z.prettifyError(parsed.error))
}
