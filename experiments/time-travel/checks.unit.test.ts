import { describe, expect, test } from '@jest/globals'
import { decodeEvent } from '@driftlab/order-events'
import { imagineDay } from '../laboratory/imagined-lane.ts'
import { seededDice } from '../laboratory/order-commands.ts'
import type { Check } from '../runner/experiment.ts'
import { accusesNobody, endsTell, isNamed, namesTampering, travels } from './checks.ts'
import { tamperings, unseenByChain, type Entry, type EntryOf, type Tampering } from './history.ts'
import { keepLedger } from './ledger.ts'
import { copyOf, endsOf, otherEnds, readChain, tamper } from './tamper.ts'
import { travelTo } from './travel.ts'

const travel = (differing: Partial<EntryOf<'travel'>> = {}): Entry => ({
  ...{ kind: 'travel', partition: 0, to: 9, events: 9, keys: 3, folded: 'same', kept: 'same', differing: [] },
  ...differing,
})
const untouched = (accused: EntryOf<'untouched'>['accused'], events = 9): Entry => ({
  ...{ kind: 'untouched', partition: 0, events, accused },
})
const tampered = (how: Tampering, differing: Partial<EntryOf<'tampered'>> = {}): EntryOf<'tampered'> => {
  const isUnseen = unseenByChain.includes(how)
  return {
    ...{ kind: 'tampered', how, partition: 0, events: 9, key: 'k', expected: isUnseen ? null : 4 },
    ...{ accused: isUnseen ? null : { offset: 4, reason: 'chain-broken' }, otherEnds: isUnseen ? ['k'] : null },
    ...differing,
  }
}
const all = tamperings.map((how) => tampered(how))
const missed = { accused: null, otherEnds: ['k'] }
const named = { accused: { offset: 5, reason: 'sequence-gap' } }

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>
describe.each<readonly [string, Check<Entry>, Histories]>([
  [
    'travelling',
    travels,
    {
      holds: [[travel(), travel({ keys: 0 })]],
      refuted: [[travel({ folded: 'another' }), travel()]],
      unknown: [[], [travel({ keys: 0 })]],
    },
  ],
  [
    'naming',
    namesTampering,
    {
      holds: [all],
      refuted: [[...all, tampered('event removed', missed)], [tampered('event inserted', named)]],
      unknown: [[], all.slice(1)],
    },
  ],
  [
    'the ends',
    endsTell,
    {
      holds: [all],
      refuted: [
        [...all, tampered('end cut off', { otherEnds: [] })],
        [...all, tampered('end cut off', { otherEnds: ['other'] })],
        [...all, tampered('sealed again to the end', { ...named, otherEnds: null })],
      ],
      unknown: [[], all.slice(0, -1)],
    },
  ],
  [
    'accusing nobody',
    accusesNobody,
    {
      holds: [[untouched(null)]],
      refuted: [[untouched(null), untouched({ offset: 3, reason: 'chain-broken' })]],
      unknown: [[], [untouched(null, 0)]],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

const imagined = imagineDay(1, { orders: 60, changesMax: 8, limitedSkus: 2 })
/** As it is read from a log. */
const day = {
  ...imagined,
  events: imagined.events.map((event) => {
    const { key, value } = copyOf(event)
    return decodeEvent(key, value)
  }),
}

describe('travelling through a day', () => {
  const log = day.events.map((event, offset) => ({ offset, event }))
  const told = day.outcomes.map((outcome) => ({ partition: 0, outcome }))
  const ledger = keepLedger(day.sent, told)

  test('the log and the book agree at every offset', () => {
    for (let to = 0; to <= log.length; to += 1) {
      const { folded, kept, differing } = travelTo(0, log, to, ledger)
      expect({ to, differing, same: folded === kept }).toEqual({ to, differing: [], same: true })
    }
  })

  test('a book that misses an outcome is found to differ', () => {
    const first = day.outcomes.findIndex(({ result }) => result.status === 'accepted')
    const other = keepLedger(day.sent, told.toSpliced(first, 1))
    const { folded, kept } = travelTo(0, log, log.length, other)
    expect(folded).not.toBe(kept)
  })
})

describe('tampering with a day', () => {
  test.each(tamperings)('%s', (how) => {
    const dice = seededDice(2)
    const whole = readChain(day.events.map(copyOf))
    expect(whole.accused).toBeNull()
    for (let turn = 0; turn < 20; turn += 1) {
      const { log, key, expected } = tamper(how, day.events, dice)
      const { accused, states } = readChain(log)
      const others = accused === null ? otherEnds(endsOf(whole.states), endsOf(states)) : []
      expect({ named: accused?.offset ?? null, others }).toEqual({
        named: expected,
        others: unseenByChain.includes(how) ? [key] : [],
      })
    }
  })

  test('what is named elsewhere is not named', () => {
    expect(isNamed(tampered('event removed', named))).toBe(false)
  })
})
