/**
 * Domain events: what happened, in the past tense, with who did it and why. They are facts; nobody who reads one may
 * refuse it.
 *
 * Each event of a key has the next number, and carries the hash of the one before, so that a record that was lost,
 * changed or put in shows. Version 1 knew no actor and no reason; `upcast` reads it as version 2.
 */
import { createHash } from 'node:crypto'
import { orderItemSchema } from '@driftlab/order'
import { z } from 'zod'
import { parseJson, Unreadable } from './unreadable.ts'

export const eventVersion = 2

const line = { line: z.int().nonnegative(), item: orderItemSchema }

/** What happened, without the circumstances. */
export const factSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('OrderPlaced'),
    customerId: z.string(),
    customerName: z.string(),
    items: z.array(orderItemSchema),
    note: z.string(),
    currency: z.string(),
  }),
  /** `line` counts from 0: where the item stands afterwards. */
  z.object({ type: z.literal('ItemAdded'), ...line }),
  /** `line`: where the item stood. */
  z.object({ type: z.literal('ItemRemoved'), ...line }),
  z.object({ type: z.literal('NoteChanged'), note: z.string() }),
  z.object({ type: z.literal('CustomerNameCorrected'), customerName: z.string() }),
  z.object({ type: z.literal('OrderPaid') }),
  z.object({ type: z.literal('OrderShipped') }),
  z.object({ type: z.literal('OrderDelivered') }),
  z.object({ type: z.literal('OrderCancelled') }),
  z.object({ type: z.literal('OrderRemoved') }),
  z.object({ type: z.literal('StockReceived'), quantity: z.int().positive() }),
  z.object({ type: z.literal('StockReserved'), orderId: z.uuid(), quantity: z.int().positive() }),
  z.object({ type: z.literal('StockReleased'), orderId: z.uuid(), quantity: z.int().positive() }),
])
export type Fact = z.output<typeof factSchema>
export type FactType = Fact['type']

const circumstances = z.object({
  version: z.literal(eventVersion),
  key: z.string(),
  /** 1 for the first event of its key. */
  sequence: z.int().positive(),
  /** Of the order after the command: all events of one command have the same. 0 for a stock. */
  revision: z.int().nonnegative(),
  commandId: z.uuid(),
  actor: z.string(),
  reason: z.string().nullable(),
  /** When the command was issued, but never before the event before. */
  at: z.iso.datetime(),
  /** Of the event before; empty for the first. */
  previousHash: z.string(),
  hash: z.string(),
})

export type DomainEvent = Fact & Readonly<z.output<typeof circumstances>>
export type UnhashedEvent = Fact & Readonly<Omit<z.output<typeof circumstances>, 'hash'>>

/** Seals an event, anew if it was: with its hash, over everything else of it in the order in which it is written. */
export function seal(event: UnhashedEvent): DomainEvent {
  return { ...event, hash: hashOf(event) }
}

function hashOf(content: Readonly<Record<string, unknown>>): string {
  // Without the hash itself, which JSON leaves out when it is undefined.
  const text = JSON.stringify({ ...content, hash: undefined })
  return createHash('sha256').update(text).digest('base64url')
}

export function encodeEvent(event: DomainEvent): { readonly key: string; readonly value: string } {
  return { key: event.key, value: JSON.stringify(event) }
}

type Recorded = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Recorded {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Reads an event of any version that was ever written, as one of today's.
 *
 * @throws {Unreadable} when it is none, when its key is another, or when its hash is not that of its content.
 */
export function decodeEvent(key: Buffer | null, value: Buffer | null): DomainEvent {
  const recorded = parseJson(value)
  if (!isObject(recorded)) throw new Unreadable('malformed', 'The event is no JSON object')
  const { version, type, sequence, hash } = recorded
  if (version !== eventVersion && version !== 1) {
    throw new Unreadable('version-unknown', `The event's version is ${String(version)}, not 1 or ${eventVersion}`)
  }
  if (!factSchema.options.some((option) => option.shape.type.value === type)) {
    throw new Unreadable('type-unknown', `There is no event ${String(type)}`)
  }
  // Over what was written, before it is read as anything newer.
  if (hash !== hashOf(recorded)) {
    throw new Unreadable('chain-broken', `${String(type)} ${String(sequence)} is not what was sealed`)
  }
  const upcasted: Recorded = version === 1 ? upcast(recorded) : recorded
  const fact = factSchema.safeParse(upcasted)
  const rest = circumstances.safeParse(upcasted)
  if (!fact.success) throw new Unreadable('malformed', z.prettifyError(fact.error))
  if (!rest.success) throw new Unreadable('malformed', z.prettifyError(rest.error))
  if (key?.toString('utf8') !== rest.data.key) {
    throw new Unreadable('key-mismatch', `The event is of ${rest.data.key}, and its record's key is not`)
  }
  // In the order in which it is written: what was read can be sealed again, and written again byte by byte.
  const { version: current, ...about } = rest.data
  return Object.assign({ version: current }, fact.data, about)
}

/** Version 1 as version 2. What was not recorded then is not known now, and says so. */
function upcast(recorded: Recorded): Recorded {
  return { ...recorded, version: eventVersion, actor: 'not recorded', reason: null }
}
