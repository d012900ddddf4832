import { describe, expect, test } from '@jest/globals'
import { parseOffset } from '@driftlab/change-event'
import type { LogRecord, PartitionRange } from '@driftlab/kafka'
import {
  decide,
  emptyState,
  encodeEvent,
  recordFacts,
  seal,
  stockKey,
  type Command,
  type DomainEvent,
  type Fact,
} from '@driftlab/order-events'
import fc from 'fast-check'
import { isOfKey, startLogCheck, stateAsOf, trailOf, Unanswerable, type LogReport } from './log-questions.ts'
import { renderReport, renderState, renderTrail } from './log-tables.ts'

const topic = 'events'
const idOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const key = idOf(1)
const minute = (number: number): string => `2026-01-02T03:${String(number).padStart(2, '0')}:00.000Z`
const item = { sku: 'tea-1', description: 'Green tea', quantity: 2, unitPriceCents: 450 }

const circumstances = (at: number) =>
  ({ version: 1, id: idOf(100 + at), actor: 'ada', reason: 'she said so', issuedAt: minute(at) }) as const
const place = (orderId: string, at: number): Command => ({
  ...circumstances(at),
  ...{ type: 'PlaceOrder', orderId, fingerprint: null, visits: [], reserved: [], repeated: false },
  order: { customerId: 'c', customerName: 'Ada', items: [item], note: '', currency: 'EUR' },
})
const note = (orderId: string, at: number): Command => ({
  ...circumstances(at),
  ...{ type: 'ChangeOrder', orderId, patch: { note: `note ${at}` } },
})

function eventsOf(eventKey: string, commands: readonly Command[]): readonly DomainEvent[] {
  let state = emptyState(eventKey)
  return commands.flatMap((command) => {
    const decision = decide(state, command)
    const recording = recordFacts(state, eventKey, command, 'facts' in decision ? decision.facts : [])
    state = recording.state
    return recording.events
  })
}

function recordsOf(events: readonly DomainEvent[], partition = 0, from = 0): readonly LogRecord[] {
  return events.map((event, index) => toRecord(partition, from + index, event.key, encodeEvent(event).value))
}
const toRecord = (partition: number, offset: number, recordKey: string, value: string): LogRecord => ({
  ...{ topic, partition, offset: parseOffset(offset), timestampMs: 0, headers: {} },
  ...{ key: Buffer.from(recordKey), value: Buffer.from(value) },
})
const rangeOf = (end: number, start = 0, partition = 0): PartitionRange => ({
  ...{ partition, start: parseOffset(start), end: parseOffset(end) },
})

const history = eventsOf(key, [place(key, 0), note(key, 5), note(key, 10)])
/** With an event of another order between. */
const log = recordsOf([...history.slice(0, 1), ...eventsOf(idOf(2), [place(idOf(2), 1)]), ...history.slice(1)])
const own = log.filter((record) => isOfKey(record, key))
const trail = trailOf(own, key)
const ranges = [rangeOf(4)]

describe('the state of an order', () => {
  const noteAsOf = (moment: Parameters<typeof stateAsOf>[1]): string => {
    const { state, laterEvents } = stateAsOf(trail, moment, ranges)
    return `${'order' in state ? state.order.note : state.kind}, ${laterEvents} later`
  }

  test('as of now, as of an offset, and as of a time', () => {
    expect(noteAsOf({ kind: 'now' })).toBe('note 10, 0 later')
    expect(noteAsOf({ kind: 'offset', offset: 0 })).toBe(', 2 later')
    expect(noteAsOf({ kind: 'offset', offset: 1 })).toBe(', 2 later')
    expect(noteAsOf({ kind: 'offset', offset: 2 })).toBe('note 5, 1 later')
    expect(noteAsOf({ kind: 'time', time: minute(5) })).toBe('note 5, 1 later')
    expect(noteAsOf({ kind: 'time', time: '2026-01-02T04:04:59.9+01:00' })).toBe(', 2 later')
  })

  test('before its first event there was no order, and that is an answer', () => {
    const before = stateAsOf(trail, { kind: 'time', time: '2025-01-01T00:00:00Z' }, ranges)
    expect(before).toMatchObject({ state: { kind: 'no-order' }, last: null, laterEvents: 3 })
    expect(renderState(before)).toContain('there is no order yet')
  })

  test('as of an offset is that of folding the log up to there, whatever was done', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 59 }), { maxLength: 20 }), fc.nat(20), (times, at) => {
        const commands = [place(key, 0), ...times.map((time) => note(key, time))]
        const records = recordsOf(eventsOf(key, commands))
        const offset = at % records.length
        const whole = trailOf(records, key)
        const asOf = stateAsOf(whole, { kind: 'offset', offset }, [rangeOf(records.length)])
        expect(asOf.state).toEqual(trailOf(records.slice(0, offset + 1), key).at(-1)?.after)
      }),
    )
  })

  test('an offset beyond the end and a key that never was are refused, with what to ask instead', () => {
    expect(() => stateAsOf(trail, { kind: 'offset', offset: 4 }, ranges)).toThrow(
      /Offset 4 is beyond the end of events\/0.*the last is 3.*Leave OFFSET out/,
    )
    expect(() => trailOf([], idOf(9))).toThrow(`The log knows of no order ${idOf(9)}`)
    expect(() => trailOf([], stockKey('limited-lamp'))).toThrow('no stock of limited-lamp')
  })

  test('what follows a gap is not told, and the place is named', () => {
    expect(() => trailOf(own.toSpliced(1, 1), key)).toThrow(Unanswerable)
    expect(() => trailOf(own.toSpliced(1, 1), key)).toThrow(/events\/0@3 is at fault \(sequence-gap.*make log-check/)
  })
})

test('a trail says of every event who asked for it, why, when, and where it stands', () => {
  const text = renderTrail(trail, key)
  for (const {
    place: { partition, offset },
    event,
  } of trail) {
    for (const part of [
      `${partition}@${offset}`,
      event.at,
      event.type,
      'ada',
      event.commandId,
      event.hash.slice(0, 8),
    ]) {
      expect(text).toContain(part)
    }
  }
  expect(text).toContain('2 × tea-1 at 4.50 for Ada')
})

describe('checking the log', () => {
  const check = (records: readonly LogRecord[], checked = ranges): LogReport => {
    const started = startLogCheck(topic, checked)
    for (const record of records) started.add(record)
    return started.report()
  }
  const faultsOf = (report: LogReport): readonly string[] =>
    report.faults.map((fault) => `${fault.place.partition}@${fault.place.offset} ${fault.reason}`)
  const [first, second, third] = own
  const [, secondEvent] = history
  if (first === undefined || second === undefined || third === undefined || secondEvent === undefined) {
    throw new Error('three events were made')
  }

  test('one that is whole is whole, and one with nothing in it is unknown', () => {
    expect(check(log)).toEqual({ verdict: 'whole', events: 4, keys: 2, faults: [] })
    expect(check([])).toMatchObject({ verdict: 'unknown', events: 0 })
    expect(renderReport(check([]), topic)).toContain('unknown')
  })

  test('a lost event is a gap, named once', () => {
    expect(faultsOf(check(log.toSpliced(2, 1)))).toEqual(['0@3 sequence-gap'])
    expect(faultsOf(check([third]))).toEqual(['0@3 sequence-gap'])
  })

  test('an event that was changed is named, and what is behind it is not', () => {
    const changed = toRecord(0, 2, key, (second.value?.toString() ?? '').replace('note 5', 'note 6'))
    expect(faultsOf(check(log.with(2, changed)))).toEqual(['0@2 chain-broken'])
    expect(renderReport(check(log.with(2, changed)), topic)).toContain('events/0@2')
  })

  test('an event that was changed and sealed anew breaks the chain behind it', () => {
    const forged = seal({ ...secondEvent, ...({ type: 'NoteChanged', note: 'forged' } satisfies Fact) })
    expect(faultsOf(check(log.with(2, toRecord(0, 2, key, encodeEvent(forged).value))))).toEqual(['0@3 chain-broken'])
  })

  test('a record that is no event is named; it hides no loss beside it', () => {
    const garbage = toRecord(0, 2, key, '{"version":9}')
    expect(faultsOf(check([...log.slice(0, 2), garbage]))).toEqual(['0@2 version-unknown'])
    const between = [first, toRecord(0, 1, key, '{'), { ...second, offset: parseOffset(2) }, third]
    expect(faultsOf(check(between))).toEqual(['0@1 malformed'])
    const longer = recordsOf(eventsOf(key, [place(key, 0), note(key, 1), note(key, 2), note(key, 3)]))
    const lossBeside = [...longer.slice(0, 1), toRecord(0, 1, key, '{'), ...longer.slice(3)]
    expect(faultsOf(check(lossBeside))).toEqual(['0@1 malformed', '0@3 sequence-gap'])
  })

  test('a record of another key, a key in two partitions, and a beginning that is gone are named', () => {
    const mislabelled = toRecord(0, 3, idOf(3), third.value?.toString() ?? '')
    expect(faultsOf(check(log.with(3, mislabelled)))).toEqual(['0@3 key-mismatch'])
    const strays = [...log.slice(0, 3), { ...third, partition: 1 }, { ...third, partition: 1, offset: parseOffset(9) }]
    expect(faultsOf(check(strays))).toEqual(['1@3 partition-changed'])
    expect(faultsOf(check(log, [rangeOf(9, 5)]))).toEqual(['0@5 beginning-lost'])
  })
})
