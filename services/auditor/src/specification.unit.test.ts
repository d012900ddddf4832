import { describe, expect, it } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { eventSourcedTopics } from '@driftlab/order-events'
import { eventSourcedLaneSpecification } from './orders-lane.ts'
import { parseSpecification, readSpecification, SpecificationError, usualLanes } from './specification.ts'

const path = new URL('../specifications/orders.json', import.meta.url).pathname
const orders = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>

it('the specification of the orders describes both lanes, and one that is audited when it is named', async () => {
  const specification = await readSpecification(path)
  expect(usualLanes(specification)).toEqual(['cdc', 'dual-write'])
  expect(Object.keys(specification.lanes)).toEqual(['cdc', 'dual-write', 'event-sourcing'])
})

it('the event-sourced lane has the names that its topics and groups have', async () => {
  const specification = await eventSourcedLaneSpecification('event-sourcing-try')
  const lane = specification.lanes['event-sourcing-try']
  const topics = eventSourcedTopics('event-sourcing-try')
  expect(lane?.eventLog?.topic).toBe(topics.events)
  expect(lane?.settles).toMatchObject({
    topic: topics.orders,
    sinks: { redis: { group: 'cache-updater-event-sourcing-try' } },
  })
  expect(lane?.stores['clickhouse']).toMatchObject({ relation: 'event_sourcing_try.orders' })
})

it('a specification that was read is one that can be read again', async () => {
  const specification = await readSpecification(path)
  expect(parseSpecification(JSON.parse(JSON.stringify(specification)))).toEqual(specification)
})

describe('a specification that cannot work is refused, with the field at fault', () => {
  const base = {
    specificationVersion: 1,
    record: { key: { column: 'id', type: 'text' }, revision: 'v', columns: { name: 'text' } },
    projections: { document: { id: 'id', name: 'name', v: 'v' } },
    lanes: {
      main: {
        table: 'people',
        settles: { kind: 'log', slot: 's', topic: 't', sinks: { cache: { group: 'g' } } },
        stores: {
          cache: { kind: 'redis-hash', key: 'p:{key}', field: 'd', projection: 'document', revisionField: 'v' },
        },
      },
    },
  }
  const main = base.lanes.main

  const { settles, stores } = main
  const untabled = { settles, stores }
  const unslotted = { kind: settles.kind, topic: settles.topic, sinks: settles.sinks }
  const eventLog = { topic: 'happened', fold: 'people' }

  it('the smallest ones are accepted', () => {
    expect(() => parseSpecification(base)).not.toThrow()
    const lanes = { main: { ...untabled, eventLog, settles: unslotted } }
    expect(() => parseSpecification({ ...base, lanes })).not.toThrow()
  })

  it.each<[string, unknown, string]>([
    ['an unknown field', { ...base, colour: 'red' }, 'colour'],
    ['another version', { ...base, specificationVersion: 2 }, 'specificationVersion'],
    [
      'a projected column that is not listed',
      { ...base, projections: { document: { v: 'v', x: 'x' } } },
      'projections.document.x',
    ],
    [
      'renamed items of a text',
      { ...base, projections: { document: { v: 'v', n: { column: 'name', each: {} } } } },
      'projections.document.n',
    ],
    ['no system of record', { ...base, lanes: { main: untabled } }, 'lanes.main'],
    ['two of them', { ...base, lanes: { main: { ...main, eventLog } } }, 'lanes.main'],
    [
      'a table without a slot',
      { ...base, lanes: { main: { ...main, settles: unslotted } } },
      'lanes.main.settles.slot',
    ],
    ['an event log with a slot', { ...base, lanes: { main: { ...untabled, eventLog } } }, 'lanes.main.settles.slot'],
    [
      'an event log that settles within a bound',
      { ...base, lanes: { main: { ...untabled, eventLog, settles: { kind: 'bounded', inFlightMaxMs: 1 } } } },
      'lanes.main.settles',
    ],
    ['no lane', { ...base, lanes: {} }, 'lanes'],
    ['a lane without stores', { ...base, lanes: { main: { ...main, stores: {} } } }, 'lanes.main.stores'],
    [
      'a store without a sink',
      { ...base, lanes: { main: { ...main, settles: { ...main.settles, sinks: {} } } } },
      'lanes.main.settles.sinks',
    ],
    [
      'a bounded lane without the time of change',
      { ...base, lanes: { main: { ...main, settles: { kind: 'bounded', inFlightMaxMs: 1 } } } },
      'lanes.main.settles',
    ],
    [
      'an unknown projection',
      { ...base, lanes: { main: { ...main, stores: { cache: { ...main.stores.cache, projection: 'nope' } } } } },
      'lanes.main.stores.cache.projection',
    ],
    [
      "a revision that is not the source's",
      { ...base, lanes: { main: { ...main, stores: { cache: { ...main.stores.cache, revisionField: 'name' } } } } },
      'lanes.main.stores.cache.revisionField',
    ],
    [
      'a key pattern without the key',
      { ...base, lanes: { main: { ...main, stores: { cache: { ...main.stores.cache, key: 'people' } } } } },
      'lanes.main.stores.cache.key',
    ],
    [
      'a table name with SQL in it',
      { ...base, lanes: { main: { ...main, table: 'people; drop table people' } } },
      'lanes.main.table',
    ],
  ])('%s', (_name, document, field) => {
    expect(() => parseSpecification(document)).toThrow(SpecificationError)
    expect(() => parseSpecification(document)).toThrow(field)
  })
})

it('a file that is absent or not JSON is named', async () => {
  await expect(readSpecification('nowhere.json')).rejects.toThrow(/nowhere\.json.*--spec/)
  await expect(readSpecification(import.meta.filename)).rejects.toThrow(SpecificationError)
  expect(orders).toHaveProperty('specificationVersion', 1)
})
