import { describe, expect, test } from '@jest/globals'
import { parseOffset } from '@driftlab/change-event'
import type { LogRecord } from '@driftlab/kafka'
import {
  emptyState,
  encodeCommand,
  startFold,
  stockKey,
  type Command,
  type Outcome,
  type PlaceOrder,
} from '@driftlab/order-events'
import fc from 'fast-check'
import { decideBatch, isRemembered, rememberedAs, type DecidedBatch, type Known } from './decide-batch.ts'

const idOf = (kind: number, number: number): string =>
  `00000000-000${kind}-4000-8000-${String(number).padStart(12, '0')}`
const orderId = (number: number): string => idOf(1, number)
const sku = 'limited-lamp'

const circumstances = (id: number) =>
  ({ version: 1, id: idOf(2, id), actor: 'customer', reason: null, issuedAt: '2026-01-02T03:04:05.678Z' }) as const
const item = { sku: 'tea-1', description: 'Green tea', quantity: 2, unitPriceCents: 450 }
const place = (id: number, order: number, overrides: Partial<PlaceOrder> = {}): PlaceOrder => ({
  ...circumstances(id),
  type: 'PlaceOrder',
  orderId: orderId(order),
  order: { customerId: 'c', customerName: 'n', items: [item], note: '', currency: 'EUR' },
  fingerprint: null,
  visits: [],
  reserved: [],
  repeated: false,
  ...overrides,
})
const note = (id: number, order: number, text: string): Command => ({
  ...circumstances(id),
  type: 'ChangeOrder',
  orderId: orderId(order),
  patch: { note: text },
})
const receive = (id: number, quantity: number): Command => ({
  ...circumstances(id),
  type: 'ReceiveStock',
  sku,
  quantity,
})
const read = (id: number, order: number): Command => ({
  ...circumstances(id),
  type: 'ReadOrder',
  orderId: orderId(order),
})

function recordsOf(commands: readonly Command[]): readonly LogRecord[] {
  return commands.map((command, offset) => {
    const { key, value } = encodeCommand(command)
    return toRecord(offset, key, value)
  })
}
const toRecord = (offset: number, key: string, value: string): LogRecord => ({
  ...{ topic: 'commands', partition: 0, timestampMs: 0, headers: {} },
  offset: parseOffset(offset),
  key: Buffer.from(key),
  value: Buffer.from(value),
})

/** Decides batch after batch, each knowing what was decided before, as a processor does. */
function decideAll(batches: readonly (readonly LogRecord[])[]): DecidedBatch {
  const fold = startFold()
  const remembered = new Map<string, Outcome>()
  const known: Known = {
    state: (key) => fold.state(key),
    outcome: (key, id) => remembered.get(rememberedAs(key, id)),
  }
  const all: DecidedBatch[] = []
  for (const batch of batches) {
    const decided = decideBatch(batch, known)
    for (const event of decided.events) fold.add(event)
    for (const outcome of decided.outcomes) {
      if (isRemembered(outcome)) remembered.set(rememberedAs(outcome.key ?? '', outcome.commandId ?? ''), outcome)
    }
    all.push(decided)
  }
  return {
    events: all.flatMap(({ events }) => events),
    outcomes: all.flatMap(({ outcomes }) => outcomes),
    orders: all.flatMap(({ orders }) => orders),
    commands: all.flatMap(({ commands }) => commands),
    parked: all.flatMap(({ parked }) => parked),
    states: fold.states,
  }
}

const commandArbitrary = fc.oneof(
  fc.record({ id: fc.nat(20), order: fc.nat(3) }).map(({ id, order }) => place(id, order)),
  fc
    .record({ id: fc.nat(20), order: fc.nat(3) })
    .map(({ id, order }) => place(id, order, { visits: [{ sku, quantity: 1 }] })),
  fc
    .record({ id: fc.nat(20), order: fc.nat(3), text: fc.string() })
    .map(({ id, order, text }) => note(id, order, text)),
  fc
    .record({ id: fc.nat(20), quantity: fc.integer({ min: 1, max: 3 }) })
    .map(({ id, quantity }) => receive(id, quantity)),
  // A question never shares the id of a change: the service makes a new one for each.
  fc.record({ id: fc.integer({ min: 100, max: 120 }), order: fc.nat(3) }).map(({ id, order }) => read(id, order)),
)

describe('a batch of commands', () => {
  test('is decided alike wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(commandArbitrary, { maxLength: 40 }), fc.array(fc.nat(40)), (commands, cuts) => {
        const records = recordsOf(commands)
        const at = [...new Set([0, ...cuts.filter((cut) => cut < records.length)])].toSorted((a, b) => a - b)
        const batches = at.map((from, index) => records.slice(from, at[index + 1]))
        expect(decideAll(batches)).toEqual(decideAll([records]))
      }),
    )
  })

  test('gives each command one outcome, in their order, and a repeat the first one again without an event', () => {
    fc.assert(
      fc.property(fc.array(commandArbitrary, { maxLength: 40 }), (commands) => {
        const once = decideAll([recordsOf(commands)])
        expect(once.outcomes.map(({ offset }) => offset)).toEqual(commands.map((_, index) => index))
        const twice = decideAll([recordsOf([...commands, ...commands])])
        expect(twice.events).toEqual(once.events)
        expect(twice.states).toEqual(once.states)
      }),
    )
  })

  test('never lets more be reserved than was received', () => {
    const commands = [
      receive(0, 3),
      ...Array.from({ length: 10 }, (_, n) => place(n + 1, n, { visits: [{ sku, quantity: 1 }] })),
    ]
    const { outcomes, commands: sent } = decideAll([recordsOf(commands)])
    expect(outcomes.filter(({ result }) => result.status === 'forwarded')).toHaveLength(3)
    expect(outcomes.filter(({ result }) => result.status === 'refused')).toHaveLength(7)
    expect(sent).toHaveLength(3)
  })

  test('a repeat of an order that only came by goes the same way again, and reserves nothing', () => {
    const order = place(1, 1, { visits: [{ sku, quantity: 1 }] })
    const { events, commands } = decideAll([recordsOf([receive(0, 3), order, order])])
    expect(events.map(({ type }) => type)).toEqual(['StockReceived', 'StockReserved'])
    expect(commands).toMatchObject([
      { visits: [], reserved: [{ sku, quantity: 1 }], repeated: false },
      { visits: [], reserved: [], repeated: true },
    ])
  })

  test('another request under the same id is refused, and gives back what it had reserved', () => {
    const { outcomes, commands } = decideAll([
      recordsOf([
        place(1, 1, { fingerprint: 'a' }),
        place(1, 1, { fingerprint: 'b', reserved: [{ sku, quantity: 1 }] }),
        place(1, 1, { fingerprint: 'a' }),
      ]),
    ])
    expect(outcomes.map(({ result }) => result)).toMatchObject([
      { status: 'accepted' },
      { status: 'refused', refusal: { code: 'idempotency-key-reused' } },
      { status: 'accepted' },
    ])
    expect(commands).toMatchObject([{ type: 'ReleaseStock', sku, quantity: 1 }])
  })

  test('a command that cannot be read is set aside with its reason, and those behind it are decided', () => {
    const [good] = recordsOf([place(1, 1)])
    if (good === undefined) throw new Error('one was made')
    const { parked, outcomes, events } = decideAll([
      [toRecord(0, orderId(1), '{"version":9,"type":"PlaceOrder"}'), { ...good, offset: parseOffset(1) }],
    ])
    expect(parked).toMatchObject([{ error: { reason: 'version-unknown' } }])
    expect(outcomes).toMatchObject([
      { commandId: null, result: { status: 'parked' } },
      { result: { status: 'accepted' } },
    ])
    expect(events).toHaveLength(1)
  })

  test('a question is answered with what it finds, every time', () => {
    const { outcomes, events } = decideAll([recordsOf([read(100, 1), place(1, 1), read(100, 1)])])
    expect(outcomes.map(({ result }) => result.status)).toEqual(['refused', 'accepted', 'answered'])
    expect(events).toHaveLength(1)
  })

  test('stock and orders that share a partition are told apart', () => {
    const { states } = decideAll([recordsOf([receive(0, 1), place(1, 1)])])
    expect(states.get(stockKey(sku))).toMatchObject({ kind: 'stock' })
    expect(states.get(orderId(1))).toMatchObject({ kind: 'order' })
    expect(emptyState(stockKey(sku)).kind).toBe('stock')
  })
})
