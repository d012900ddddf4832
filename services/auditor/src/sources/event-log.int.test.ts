/** A log of domain events as the system of record: what it shows is the fold, as of the moment that it was asked. */
import { tmpdir } from 'node:os'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { connectLog, type LogAdmin, type LogProducer } from '@driftlab/kafka'
import { emptyState, encodeEvent, recordFacts, stockKey, type DomainEvent, type State } from '@driftlab/order-events'
import { eventually, testSettings } from '@driftlab/stores/testing'
import { orderEventsFold } from '../folds/order-events.ts'
import { ordersSpecificationPath, readSpecification } from '../specification.ts'
import { openEventLog } from './event-log.ts'
import type { Source } from './source.ts'

jest.setTimeout(60_000)

const { record } = await readSpecification(ordersSpecificationPath)
const ids = [1, 2, 3].map((n) => `0190a000-0000-7000-8000-00000000000${n}`)
const [first = '', second = '', third = ''] = ids

let admin: LogAdmin
let producer: LogProducer
let topic: string
let source: Source
const states = new Map<string, State>()

beforeAll(async () => {
  const log = connectLog({ brokers: testSettings().kafkaBrokers, clientId: 'event-log-test' })
  admin = await log.connectAdmin()
  producer = await log.connectProducer()
})

afterEach(() => source.close())

afterAll(async () => {
  await producer.close()
  await admin.close()
})

beforeEach(async () => {
  states.clear()
  topic = `event-log-${crypto.randomUUID()}`
  await admin.createTopics([{ name: topic, partitions: 3 }])
  const hasLeaders = (): Promise<boolean> =>
    admin.ranges(topic).then(
      () => true,
      () => false,
    )
  await eventually(hasLeaders, { deadlineMs: 10_000, what: 'every partition has a leader' })
  open()
})

function open(): void {
  source = openEventLog(
    testSettings().kafkaBrokers,
    record,
    { topic, fold: orderEventsFold },
    { timeoutMs: 15_000, stateDir: tmpdir(), onProgress: () => undefined },
  )
}

type Facts = Parameters<typeof recordFacts>[3]

const item = { sku: 'tea-1', description: 'Green tea', quantity: 2, unitPriceCents: 450 }
const placed: Facts = [
  { type: 'OrderPlaced', customerId: 'c-1', customerName: 'Ada', items: [item], note: '', currency: 'EUR' },
]

/** The events that follow what happened to the key before. */
function happened(key: string, facts: Facts): readonly DomainEvent[] {
  const command = {
    version: 1,
    id: crypto.randomUUID(),
    key,
    actor: 'customer',
    reason: null,
    issuedAt: '2026-11-27T08:00:00.123Z',
    type: 'PayOrder',
  } as unknown as Parameters<typeof recordFacts>[2]
  const { events, state } = recordFacts(states.get(key) ?? emptyState(key), key, command, facts)
  states.set(key, state)
  return events
}

const publish = (events: readonly DomainEvent[]): Promise<void> => producer.publish(topic, events.map(encodeEvent))

describe('a log of events as the source', () => {
  it('shows orders in the order of their keys, page by page, with their values as the tables would have them', async () => {
    await publish([...happened(third, placed), ...happened(first, placed), ...happened(second, placed)])
    await publish(happened(second, [{ type: 'ItemAdded', line: 1, item: { ...item, quantity: 1 } }]))

    const last = await source.lastKey()
    expect(last).toBe(third)
    const page = await source.page(null, last ?? '', 2)
    expect(page.rows.map(({ key, revision }) => [key, revision])).toEqual([
      [first, 1],
      [second, 2],
    ])
    expect(page.rows[1]?.values).toMatchObject({
      customer_name: 'Ada',
      total_cents: 1350,
      items: [item, { ...item, quantity: 1 }],
      created_at: '2026-11-27T08:00:00.123Z',
    })
    expect((await source.page(second, third, 2)).rows.map(({ key }) => key)).toEqual([third])
  })

  it('holds, with each question, what was written before it', async () => {
    expect((await source.positions([first])).get(first)).toEqual({ row: null, deletion: null })
    await publish(happened(first, placed))
    expect((await source.positions([first])).get(first)?.row).toMatchObject({ revision: 1 })
    await publish(happened(first, [{ type: 'OrderPaid' }]))
    expect((await source.rows([first])).get(first)?.row).toMatchObject({ revision: 2, values: { status: 'paid' } })
  })

  it('tells a removed order from one that never was, and counts no stock as an order', async () => {
    const stock = stockKey('limited-lamp')
    await publish([
      ...happened(first, placed),
      ...happened(first, [{ type: 'OrderRemoved' }]),
      ...happened(stock, [{ type: 'StockReceived', quantity: 3 }]),
    ])
    const rows = await source.rows([first, second, stock])
    expect(rows.get(first)).toMatchObject({ row: null, deletion: { revision: 1 } })
    expect(rows.get(second)).toEqual({ row: null, deletion: null })
    expect(rows.get(stock)).toEqual({ row: null, deletion: null })
    expect(await source.existing([first, stock])).toEqual(new Set())
    expect(await source.lastKey()).toBeNull()
  })

  it('tells what changed last, place by place, and what was removed apart from it', async () => {
    await publish([...happened(first, placed), ...happened(second, placed), ...happened(third, placed)])
    await publish(happened(third, [{ type: 'OrderRemoved' }]))
    const sinceMs = Date.parse('2026-11-27T08:00:00.000Z')
    const [change, ...others] = await source.changes('rows', { sinceMs }, 1)
    expect([change, others]).toMatchObject([{ key: first, revision: 1, atMs: sinceMs + 123 }, []])
    const next = await source.changes('rows', { at: change?.at ?? '', key: first }, 9)
    expect(next.map(({ key }) => key)).toEqual([second])
    expect(await source.changes('deletions', { sinceMs }, 9)).toMatchObject([{ key: third, revision: 1 }])
    expect(await source.changes('rows', { sinceMs: sinceMs + 124 }, 9)).toEqual([])
  })

  it('answers nothing of a log in which an event is missing', async () => {
    await publish(happened(first, placed))
    happened(first, [{ type: 'OrderPaid' }])
    await publish(happened(first, [{ type: 'OrderShipped' }]))
    await expect(source.lastKey()).rejects.toThrow('the log is not whole')
    await expect(source.rows([first])).rejects.toThrow('the log is not whole')
  })

  it('answers nothing of a log that is not there', async () => {
    topic = `event-log-${crypto.randomUUID()}`
    await source.close()
    open()
    await expect(source.lastKey()).rejects.toThrow()
  })
})
