import { describe, expect, test } from '@jest/globals'
import { orderStatuses, totalCentsOf, type OrderItem } from '@driftlab/order'
import fc from 'fast-check'
import {
  availableUnits,
  changesOfOrder,
  decide,
  decodeCommand,
  decodeEvent,
  emptyState,
  encodeCommand,
  encodeEvent,
  eventVersion,
  evolve,
  follow,
  itemFacts,
  limitedUnits,
  recordFacts,
  seal,
  startFold,
  stockKey,
  Unreadable,
  type Command,
  type DomainEvent,
  type Fact,
  type PlaceOrder,
  type State,
} from './index.ts'

const orderId = '01890a5d-ac96-774b-bcce-b302099a8057'
const sku = 'limited-lamp'
const item: OrderItem = { sku: 'tea-1', description: 'Green tea', quantity: 2, unitPriceCents: 450 }
const lamp: OrderItem = { ...item, sku, quantity: 1 }

const circumstances = {
  version: 1,
  id: '01890a5d-ac96-774b-bcce-000000000001',
  actor: 'customer',
  reason: null,
  issuedAt: '2026-01-02T03:04:05.678Z',
} as const
const order = { customerId: 'c-1', customerName: 'Ada', items: [item], note: '', currency: 'EUR' }
const place = (overrides: Partial<PlaceOrder> = {}): PlaceOrder => ({
  ...circumstances,
  type: 'PlaceOrder',
  orderId,
  order,
  fingerprint: null,
  visits: [],
  reserved: [],
  repeated: false,
  ...overrides,
})
const change = (patch: Extract<Command, { type: 'ChangeOrder' }>['patch']): Command => ({
  ...circumstances,
  type: 'ChangeOrder',
  orderId,
  patch,
})
const remove: Command = { ...circumstances, type: 'RemoveOrder', orderId }

/** Decides a command at a key and adds what follows. */
function step(
  state: State,
  key: string,
  command: Command,
): { readonly state: State; readonly events: readonly DomainEvent[] } {
  const decision = decide(state, command)
  return recordFacts(state, key, command, 'facts' in decision ? decision.facts : [])
}

const itemArbitrary = fc.record({
  sku: fc.constantFrom('tea-1', 'tea-2', 'cup'),
  description: fc.constantFrom('', 'x'),
  quantity: fc.integer({ min: 1, max: 3 }),
  unitPriceCents: fc.integer({ min: 0, max: 1_000 }),
})
const itemsArbitrary = fc.array(itemArbitrary, { minLength: 1, maxLength: 6 })
const patchArbitrary = fc.record(
  {
    customerName: fc.string(),
    note: fc.string(),
    items: itemsArbitrary,
    status: fc.constantFrom(...orderStatuses),
  },
  { requiredKeys: [] },
)
const commandArbitrary: fc.Arbitrary<Command> = fc.oneof(
  itemsArbitrary.map((items) => place({ order: { ...order, items } })),
  patchArbitrary.map(change),
  fc.constant(remove),
)
const commandsArbitrary = fc.array(commandArbitrary, { maxLength: 30 })

function history(commands: readonly Command[]): readonly DomainEvent[] {
  let state = emptyState(orderId)
  const events: DomainEvent[] = []
  for (const command of commands) {
    const next = step(state, orderId, command)
    events.push(...next.events)
    state = next.state
  }
  return events
}

describe('deciding and folding', () => {
  test('a refused command changes nothing, and the total always follows the items', () => {
    fc.assert(
      fc.property(commandsArbitrary, (commands) => {
        let state = emptyState(orderId)
        for (const command of commands) {
          const before = state
          state = step(state, orderId, command).state
          const isRefused = decide(before, command).outcome === 'refused'
          expect(isRefused ? state : before).toEqual(before)
          const [items, total] = 'order' in state ? [state.order.items, state.order.totalCents] : [[], 0]
          expect(total).toBe(totalCentsOf(items))
        }
      }),
    )
  })

  test('what was accepted of a patch is what the order then is', () => {
    fc.assert(
      fc.property(commandsArbitrary, patchArbitrary, (commands, patch) => {
        const before = history(commands).reduce(evolve, emptyState(orderId))
        fc.pre(decide(before, change(patch)).outcome === 'accepted')
        expect(step(before, orderId, change(patch)).state).toMatchObject({ order: patch })
      }),
    )
  })

  test('folding a prefix and then the rest is folding all, for every cut', () => {
    fc.assert(
      fc.property(commandsArbitrary, fc.nat(), (commands, place_) => {
        const events = history(commands)
        const cut = events.length === 0 ? 0 : place_ % (events.length + 1)
        const whole = startFold()
        for (const event of events) whole.add(event)
        const prefix = startFold()
        for (const event of events.slice(0, cut)) prefix.add(event)
        const rest = startFold(prefix.states)
        for (const event of events.slice(cut)) rest.add(event)
        expect(rest.state(orderId)).toEqual(whole.state(orderId))
      }),
    )
  })

  test('an event can be added to every state, and is refused by none', () => {
    fc.assert(
      fc.property(commandsArbitrary, commandsArbitrary, (some, others) => {
        const state = history(some).reduce(evolve, emptyState(orderId))
        for (const event of history(others)) expect(() => evolve(state, event)).not.toThrow()
        for (const event of history(others)) expect(() => evolve(emptyState(stockKey(sku)), event)).not.toThrow()
      }),
    )
  })

  test('the lines of items end as they were asked for, whatever they were', () => {
    fc.assert(
      fc.property(itemsArbitrary, itemsArbitrary, (before, after) => {
        const items = itemFacts(before, after).reduce<readonly OrderItem[]>((lines, fact) => {
          if (fact.type === 'ItemAdded') return lines.toSpliced(fact.line, 0, fact.item)
          if (fact.type === 'ItemRemoved') return lines.toSpliced(fact.line, 1)
          throw new Error('a change of items is no more than items added and removed')
        }, before)
        expect(items).toEqual(after)
      }),
    )
  })

  test('an intent is told apart from a correction', () => {
    const placed = step(emptyState(orderId), orderId, place()).state
    const types = (patch: Parameters<typeof change>[0]): readonly string[] =>
      step(placed, orderId, change(patch)).events.map(({ type }) => type)
    expect(types({ customerName: 'Ada L.' })).toEqual(['CustomerNameCorrected'])
    expect(types({ status: 'cancelled' })).toEqual(['OrderCancelled'])
    expect(types({ items: [lamp] })).toEqual([])
    expect(types({ items: [{ ...item, quantity: 3 }], status: 'paid' })).toEqual([
      'ItemRemoved',
      'ItemAdded',
      'OrderPaid',
    ])
  })

  test('the time of an order never runs backwards, whoever has a clock that is behind', () => {
    const placed = step(emptyState(orderId), orderId, place()).state
    const late = { ...change({ note: 'n' }), issuedAt: '2020-01-01T00:00:00.000Z' }
    expect(step(placed, orderId, late).events).toMatchObject([{ at: circumstances.issuedAt }])
  })

  test('nor does that of a stock, and times of different precision are compared as times', () => {
    const key = stockKey(sku)
    const receive = (issuedAt: string): Command => ({
      ...circumstances,
      ...{ type: 'ReceiveStock', sku, quantity: 1, issuedAt },
    })
    const received = step(emptyState(key), key, receive('2026-01-02T03:04:05Z')).state
    expect(step(received, key, receive('2026-01-02T03:04:04.999Z')).events).toMatchObject([
      { at: '2026-01-02T03:04:05Z' },
    ])
    expect(step(received, key, receive('2026-01-02T03:04:05.001Z')).events).toMatchObject([
      { at: '2026-01-02T03:04:05.001Z' },
    ])
  })

  test('stores of rows are told of each order as it is, and of its end twice', () => {
    const none = emptyState(orderId)
    const placed = step(none, orderId, place()).state
    const removed = step(placed, orderId, remove).state
    expect(changesOfOrder(none, placed).map(({ value }) => value)).toMatchObject([
      expect.stringContaining('OrderPlaced'),
    ])
    expect(changesOfOrder(placed, placed)).toEqual([])
    expect(changesOfOrder(placed, removed)).toMatchObject([
      { key: orderId, value: expect.stringContaining('OrderRemoved') },
      { key: orderId, value: null },
    ])
  })
})

describe('limited stock', () => {
  const key = stockKey(sku)
  const receive = (quantity: number): Command => ({ ...circumstances, type: 'ReceiveStock', sku, quantity })
  const wants = (quantity: number): PlaceOrder => place({ visits: [{ sku, quantity }] })

  test('whatever is asked in whatever order, no more is reserved than there is', () => {
    const stockCommand = fc.oneof(
      fc.integer({ min: 1, max: 5 }).map(receive),
      fc.integer({ min: 1, max: 4 }).map(wants),
    )
    fc.assert(
      fc.property(fc.array(stockCommand, { maxLength: 50 }), (commands) => {
        let state = emptyState(key)
        for (const command of commands) {
          state = step(state, key, command).state
          if (state.kind !== 'stock') throw new Error('a stock became something else')
          expect(availableUnits(state)).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })

  test('an order goes from stock to stock, and is placed last; what it has is given back when it gets no further', () => {
    const stock = step(emptyState(key), key, receive(1)).state
    const second = { sku: 'limited-tent', quantity: 1 }
    const command = place({ visits: [{ sku, quantity: 1 }, second] })
    const first = decide(stock, command)
    expect(first).toMatchObject({
      outcome: 'forwarded',
      facts: [{ type: 'StockReserved', orderId, quantity: 1 }],
      commands: [{ type: 'PlaceOrder', id: command.id, visits: [second], reserved: [{ sku, quantity: 1 }] }],
    })
    const travelled = 'commands' in first ? first.commands[0] : undefined
    if (travelled === undefined) throw new Error('it went nowhere')
    expect(decide(emptyState(stockKey(second.sku)), travelled)).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'stock-short', availableUnits: 0 },
      commands: [{ type: 'ReleaseStock', sku, quantity: 1, orderId }],
    })
  })

  test('a cancelled order gives back what it had, once; one that was shipped gives back nothing', () => {
    const items = [lamp, { ...lamp, quantity: 2 }]
    const placed = step(emptyState(orderId), orderId, place({ order: { ...order, items } })).state
    const cancel = change({ status: 'cancelled' })
    expect(decide(placed, cancel)).toMatchObject({ commands: [{ type: 'ReleaseStock', sku, quantity: 3 }] })
    const cancelled = step(placed, orderId, cancel).state
    expect(decide(cancelled, remove)).toMatchObject({ outcome: 'accepted', commands: [] })
    const shipped = step(
      step(placed, orderId, change({ status: 'paid' })).state,
      orderId,
      change({ status: 'shipped' }),
    ).state
    expect(decide(shipped, remove)).toMatchObject({ outcome: 'accepted', commands: [] })
    expect(decide(placed, remove)).toMatchObject({ commands: [{ type: 'ReleaseStock', quantity: 3 }] })
  })

  test('limited goods cannot be slipped into an order, nor out of it', () => {
    const placed = step(emptyState(orderId), orderId, place({ order: { ...order, items: [item, lamp] } })).state
    expect(decide(placed, change({ items: [item] }))).toMatchObject({ refusal: { code: 'limited-items-fixed' } })
    expect(decide(placed, change({ items: [{ ...lamp, quantity: 2 }] }))).toMatchObject({ outcome: 'refused' })
    expect(decide(placed, change({ items: [lamp] }))).toMatchObject({ outcome: 'accepted' })
    expect(limitedUnits([lamp, item, lamp])).toEqual([{ sku, quantity: 2 }])
  })
})

describe('records', () => {
  const bytes = (text: string): Buffer => Buffer.from(text)
  const reasonOf = (read: () => unknown): string => {
    try {
      read()
    } catch (error) {
      if (error instanceof Unreadable) return error.reason
      throw error
    }
    return 'none'
  }

  test('commands and events come back as they were written', () => {
    fc.assert(
      fc.property(commandsArbitrary, (commands) => {
        for (const command of commands) {
          const { key, value } = encodeCommand(command)
          expect(decodeCommand(bytes(key), bytes(value))).toEqual(JSON.parse(JSON.stringify(command)))
        }
        for (const event of history(commands)) {
          const { key, value } = encodeEvent(event)
          expect(decodeEvent(bytes(key), bytes(value))).toEqual(event)
        }
      }),
    )
  })

  test('an event that was read is written again byte by byte, and sealed again with the same hash', () => {
    fc.assert(
      fc.property(commandsArbitrary, (commands) => {
        for (const event of history(commands)) {
          const { key, value } = encodeEvent(event)
          const read = decodeEvent(bytes(key), bytes(value))
          expect(encodeEvent(read).value).toBe(value)
          expect(encodeEvent(seal(read)).value).toBe(value)
        }
      }),
    )
  })

  test.each([
    ['malformed', '{'],
    ['malformed', '7'],
    ['version-unknown', JSON.stringify({ ...change({ note: 'n' }), version: 2 })],
    ['version-unknown', '{"version":9}'],
    ['type-unknown', JSON.stringify({ ...circumstances, type: 'PaintOrder', orderId })],
    ['malformed', JSON.stringify({ ...circumstances, type: 'ChangeOrder', orderId })],
    ['key-mismatch', JSON.stringify({ ...remove, orderId: '01890a5d-ac96-774b-bcce-b302099a8058' })],
  ])('a command that is none is named: %s', (reason, value) => {
    expect(reasonOf(() => decodeCommand(bytes(orderId), bytes(value)))).toBe(reason)
    expect(reasonOf(() => decodeCommand(null, null))).toBe('malformed')
  })

  const [placed] = history([place()])
  if (placed === undefined) throw new Error('nothing was placed')

  test('an event of version 1, which knew no actor, is read as one of today', () => {
    const { actor, reason, hash, ...rest } = placed
    const old = { ...rest, version: 1 }
    const sealedThen = seal(old as never)
    expect(decodeEvent(bytes(orderId), bytes(JSON.stringify(sealedThen)))).toEqual({
      ...sealedThen,
      version: eventVersion,
      actor: 'not recorded',
      reason: null,
    })
    expect([actor, reason, hash]).toEqual([placed.actor, null, placed.hash])
  })

  test('a tampered event, one of an unknown version or kind, and one of another key are named', () => {
    const read = (event: object, key = orderId) => reasonOf(() => decodeEvent(bytes(key), bytes(JSON.stringify(event))))
    expect(read({ ...placed, note: 'forged' })).toBe('chain-broken')
    expect(read({ ...placed, version: 3 })).toBe('version-unknown')
    expect(read({ version: 3 })).toBe('version-unknown')
    expect(read({ ...placed, type: 'OrderPainted' })).toBe('type-unknown')
    expect(read(placed, 'other')).toBe('key-mismatch')
    expect(read(seal({ ...placed, sequence: 0 }))).toBe('malformed')
  })

  test('a lost event shows as a gap, and one that was put in as a broken chain', () => {
    const events = history([place(), change({ note: '1' }), change({ note: '2' })])
    const [first, second, third] = events
    if (first === undefined || second === undefined || third === undefined) throw new Error('three were made')
    const state = follow(emptyState(orderId), first)
    expect(reasonOf(() => follow(state, third))).toBe('sequence-gap')
    const forged = seal({ ...second, ...({ type: 'NoteChanged', note: 'forged' } satisfies Fact) })
    expect(reasonOf(() => follow(follow(state, forged), third))).toBe('chain-broken')
  })
})
