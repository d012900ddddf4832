import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  availableUnits,
  decodeCommand,
  encodeEvent,
  seal,
  stockKey,
  type Command,
  type PlaceOrder,
} from '@driftlab/order-events'
import { eventually } from '@driftlab/stores/testing'
import { openLaneUnderTest, type LaneUnderTest } from './lane-under-test.ts'
import { openPartition } from './partition.ts'
import { openStateStore } from './state-store.ts'

const sku = 'limited-lamp'
const item = { sku: 'tea-1', description: 'Green tea', quantity: 2, unitPriceCents: 450 }

let lane: LaneUnderTest
beforeEach(async () => {
  lane = await openLaneUnderTest()
}, 30_000)
afterEach(async () => {
  await lane.close()
}, 30_000)

const circumstances = (id: string = crypto.randomUUID()) =>
  ({ version: 1, id, actor: 'customer', reason: null, issuedAt: new Date().toISOString() }) as const
const place = (overrides: Partial<PlaceOrder> = {}): PlaceOrder => ({
  ...circumstances(),
  type: 'PlaceOrder',
  orderId: crypto.randomUUID(),
  order: { customerId: 'c', customerName: 'n', items: [item], note: '', currency: 'EUR' },
  fingerprint: null,
  visits: [],
  reserved: [],
  repeated: false,
  ...overrides,
})
const note = (orderId: string, text: string): Command => ({
  ...circumstances(),
  type: 'ChangeOrder',
  orderId,
  patch: { note: text },
})
const receive = (quantity: number): Command => ({ ...circumstances(), type: 'ReceiveStock', sku, quantity })
const placeLimited = (quantity = 1): PlaceOrder => place({ visits: [{ sku, quantity }] })

test('every command is decided once: what it led to is in the log, and the stores of rows are told of it', async () => {
  await lane.start('a')
  const orders = Array.from({ length: 20 }, () => place())
  await lane.send(orders)
  await lane.send(orders.map(({ orderId }) => note(orderId, 'second')))
  await lane.send([{ ...circumstances(), type: 'RemoveOrder', orderId: orders[0]?.orderId ?? '' }])
  // The sender may have sent some again, when the log did not answer it in time.
  const outcomes = (await lane.outcomes()).filter(({ repeated }) => !repeated)
  expect(outcomes.map(({ result }) => result.status)).toEqual(Array.from({ length: 41 }, () => 'accepted'))
  const fold = await lane.fold()
  expect(fold.states.size).toBe(20)
  expect(fold.state(orders[0]?.orderId ?? '')).toMatchObject({ kind: 'removed-order', order: { note: 'second' } })
  const told = await lane.records(lane.topics.orders)
  expect(told).toHaveLength(42)
  expect(told.filter(({ value }) => value === null)).toHaveLength(1)
}, 60_000)

test('competing orders never get more of limited goods than there is, over several partitions', async () => {
  await lane.start('a')
  await lane.start('b')
  await lane.send([receive(5)])
  await lane.send(Array.from({ length: 30 }, () => placeLimited()))
  const outcomes = (await lane.outcomes()).filter(({ repeated }) => !repeated)
  expect(outcomes.filter(({ result }) => result.status === 'accepted')).toHaveLength(1 + 5)
  expect(outcomes.filter(({ result }) => result.status === 'refused')).toHaveLength(25)
  const fold = await lane.fold()
  const stock = fold.state(stockKey(sku))
  if (stock.kind !== 'stock') throw new Error('not a stock')
  expect(availableUnits(stock)).toBe(0)
  expect([...fold.states.values()].filter(({ kind }) => kind === 'order')).toHaveLength(5)
}, 60_000)

test('a processor takes up where its predecessor stopped, with its state, without it, and with one that is damaged', async () => {
  const order = place()
  const first = await lane.start('a')
  await lane.send([order, note(order.orderId, '1')])
  await lane.outcomes()
  await first.stop()

  await lane.send([order, note(order.orderId, '2')])
  const second = await lane.start('a')
  await lane.outcomes()
  await second.stop()

  rmSync(lane.stateDir('a'), { recursive: true })
  await lane.send([order, note(order.orderId, '3')])
  const third = await lane.start('a')
  await lane.outcomes()
  await third.stop()

  for (const partition of [0, 1]) writeFileSync(join(lane.stateDir('a'), `${partition}.sqlite`), 'no database')
  await lane.send([order, note(order.orderId, '4')])
  await lane.start('a')
  const outcomes = await lane.outcomes()
  expect(outcomes.filter(({ repeated }) => repeated).length).toBeGreaterThanOrEqual(3)
  const events = await lane.events()
  expect(events.map(({ type }) => type)).toEqual(['OrderPlaced', ...Array.from({ length: 4 }, () => 'NoteChanged')])
  expect((await lane.fold()).state(order.orderId)).toMatchObject({ order: { note: '4', revision: 5 } })
}, 60_000)

test('what a processor knows of another log is of no use to it, and it notices', async () => {
  const other = await openLaneUnderTest()
  try {
    const foreign = await other.start('a')
    await other.send([place(), place(), place()])
    await other.outcomes()
    await foreign.stop()
    const order = place()
    const first = await lane.start('b')
    await lane.send([order, place(), place(), place()])
    await lane.outcomes()
    await first.stop()
    const start = await lane.start('a', {
      stateFileOf: (partition) => join(other.stateDir('a'), `${partition}.sqlite`),
    })
    await lane.send([note(order.orderId, 'known')])
    const outcomes = await lane.outcomes()
    expect(outcomes.every(({ result }) => result.status === 'accepted')).toBe(true)
    await start.stop()
  } finally {
    await other.close()
  }
}, 60_000)

/** The state of a processor of another log, whose one partition got these commands, as a file in `folder`. */
async function foreignState(commands: readonly Command[], folder: string): Promise<string> {
  const other = await openLaneUnderTest(1)
  try {
    const processor = await other.start('foreign')
    await other.send(commands)
    await other.outcomes()
    await processor.stop()
    mkdirSync(folder, { recursive: true })
    const file = join(folder, '0.sqlite')
    copyFileSync(join(other.stateDir('foreign'), '0.sqlite'), file)
    return file
  } finally {
    await other.close()
  }
}

const refused = (): Command => note(crypto.randomUUID(), 'there is no such order')

// Where the foreign log has its last record, this one has the end of a transaction, or a record of its own.
test.each([
  { foreign: 'orders', commands: [place(), place()], before: 1 },
  { foreign: 'orders', commands: [place(), place()], before: 2 },
  { foreign: 'refusals alone', commands: [refused(), refused()], before: 1 },
  { foreign: 'refusals alone', commands: [refused(), refused()], before: 2 },
])(
  'with the state of another log, of $foreign, no command behind $before of its own is left out, nor decided twice',
  async ({ commands, before }) => {
    const single = await openLaneUnderTest(1)
    try {
      const own = Array.from({ length: before }, () => place())
      const first = await single.start('own')
      await single.send(own)
      await single.outcomes()
      await first.stop()
      const file = await foreignState(commands, single.stateDir('foreign'))
      await single.start('foreign', { stateFileOf: () => file })
      await single.send([...own, place()])
      const decided = (await single.outcomes()).filter(({ repeated }) => !repeated)
      expect(decided.map(({ result }) => result.status)).toEqual(Array.from({ length: before + 1 }, () => 'accepted'))
      expect((await single.fold()).states.size).toBe(before + 1)
    } finally {
      await single.close()
    }
  },
  90_000,
)

test('a zombie can decide, and its decisions are not written', async () => {
  const options = {
    log: lane.log,
    admin: lane.admin,
    lane: lane.name,
    topics: lane.topics,
    deadLetterTopic: `driftlab.dead-letters.order-processor-${lane.name}`,
    partition: 0,
    outcomesKept: 100,
    onRecovered: () => undefined,
  }
  await lane.send(Array.from({ length: 8 }, () => place()))
  const records = (await lane.records(lane.topics.commands)).filter(({ partition }) => partition === 0)
  const sent = new Set(records.map(({ key, value }) => decodeCommand(key, value).id))
  const [first, ...others] = records
  const last = records.at(-1)
  if (first === undefined || last === undefined) throw new Error('partition 0 has commands')
  const batch = (some: typeof records) => ({
    ...{ topic: lane.topics.commands, partition: 0, records: some },
    next: last.offset,
    highWatermark: last.offset,
  })
  const zombie = await openPartition({ ...options, stateFile: join(lane.stateDir('zombie'), '0.sqlite') })
  await zombie.decide(batch([first]))
  const successor = await openPartition({ ...options, stateFile: join(lane.stateDir('successor'), '0.sqlite') })
  await expect(zombie.decide(batch(others))).rejects.toThrow()
  const { outcomes } = await successor.decide(batch(records))
  expect(outcomes).toHaveLength(records.length - 1)
  await zombie.close()
  await successor.close()
  // A transaction is committed a moment before its records are there to be read.
  const ids = await eventually(
    async () => {
      const found = (await lane.events()).map(({ commandId }) => commandId)
      return found.length >= sent.size && found
    },
    { deadlineMs: 10_000 },
  )
  expect(ids.toSorted()).toEqual([...sent].toSorted())
}, 60_000)

test('a log that is not whole stops its processor, which names the record', async () => {
  const order = place()
  const first = await lane.start('a')
  await lane.send([order])
  await lane.outcomes()
  await first.stop()
  const [event] = await lane.events()
  const [record] = await lane.records(lane.topics.events)
  if (event === undefined || record === undefined) throw new Error('an order was placed')
  const producer = await lane.log.connectProducer()
  const forged = encodeEvent(seal({ ...event, sequence: 3, previousHash: event.hash }))
  await producer.publish(lane.topics.events, [{ ...forged, partition: record.partition }])
  await producer.close()

  const failed = Promise.withResolvers<unknown>()
  await lane.start('b', { fail: failed.resolve })
  await lane.send([note(order.orderId, 'never')])
  expect(await failed.promise).toMatchObject({
    reason: 'sequence-gap',
    message: expect.stringContaining('order-events/'),
  })
}, 60_000)

test('a command that cannot be read lies among the dead letters with its reason, and those behind it are decided', async () => {
  await lane.start('a')
  const order = place()
  const producer = await lane.log.connectProducer()
  await producer.publish(lane.topics.commands, [{ key: order.orderId, value: '{"version":9,"type":"PlaceOrder"}' }])
  await producer.close()
  await lane.send([order])
  const outcomes = await lane.outcomes()
  expect(outcomes.map(({ result }) => result.status).toSorted()).toEqual(['accepted', 'parked'])
  const [dead] = await lane.records(`driftlab.dead-letters.order-processor-${lane.name}`)
  expect(String(dead?.headers['__connect.errors.class.name'])).toContain('version-unknown')
}, 60_000)

test('the state that was kept is that of the log, and of no more outcomes than were asked for', async () => {
  const processor = await lane.start('a', { outcomesKept: 3 })
  const order = place()
  await lane.send([order, ...Array.from({ length: 9 }, (_, n) => note(order.orderId, String(n)))])
  const outcomes = await lane.outcomes()
  await processor.stop()
  const [record] = await lane.records(lane.topics.events)
  const store = openStateStore(join(lane.stateDir('a'), `${record?.partition ?? 0}.sqlite`), { outcomesKept: 3 })
  const kept = outcomes.filter(
    ({ commandId }) => commandId !== null && store.outcome(order.orderId, commandId) !== undefined,
  )
  expect(store.state(order.orderId)).toEqual((await lane.fold()).state(order.orderId))
  store.close()
  expect(kept).toHaveLength(3)
}, 60_000)
