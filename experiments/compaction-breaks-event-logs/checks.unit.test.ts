import { describe, expect, test } from '@jest/globals'
import { skuOfKey, startFold } from '@driftlab/order-events'
import { imagineDay } from '../laboratory/imagined-lane.ts'
import type { Check } from '../runner/experiment.ts'
import { cannotBeFolded, changeLogIsWhole, comesOutLate, isWrongUnasked } from './checks.ts'
import type { Entry, EntryOf, Topic } from './history.ts'
import { judgeKey } from './left-over.ts'

const topic = (name: Topic, before: number, after: number): Entry => ({ kind: 'topic', topic: name, before, after })
const key = (differing: Partial<EntryOf<'key'>> = {}): Entry => ({
  ...{ kind: 'key', key: 'k', of: 'order', events: ['OrderPlaced', 'OrderPaid'], left: ['OrderPaid'] },
  ...{ refusedFor: 'sequence-gap', state: 'right', added: 'wrong', takenFor: 'no order at all' },
  ...{ row: 'row', told: 'row' },
  ...differing,
})
const alone = key({ events: ['OrderPlaced'], left: ['OrderPlaced'], refusedFor: null, added: 'right' })
const compacted = [topic('events', 20, 10), topic('change log', 20, 10)]
const processor = (state: 'kept' | 'lost', decides: boolean, says = ''): Entry => ({
  ...{ kind: 'processor', state, decides, says },
})
const named = 'driftlab.x.order-events/0@9: the log is not whole'

type Histories = Readonly<Record<'holds' | 'refuted' | 'unknown', readonly (readonly Entry[])[]>>
describe.each<readonly [string, Check<Entry>, Histories]>([
  [
    'folding',
    cannotBeFolded,
    {
      holds: [[...compacted, key(), alone]],
      refuted: [[...compacted, key(), key({ refusedFor: null })]],
      unknown: [[], [key()], [...compacted, alone], [...compacted, key({ left: ['OrderPlaced', 'OrderPaid'] })]],
    },
  ],
  [
    'adding up',
    isWrongUnasked,
    {
      holds: [[...compacted, key(), alone]],
      refuted: [[...compacted, key({ added: 'right' })]],
      unknown: [[], [key()], [topic('events', 10, 10), key()]],
    },
  ],
  [
    'the change log',
    changeLogIsWhole,
    {
      holds: [[...compacted, key(), key({ row: null, told: null })]],
      refuted: [
        [...compacted, key({ told: null })],
        [...compacted, key({ told: 'another' })],
        [...compacted, key(), key({ row: null })],
      ],
      unknown: [[], [key()], [topic('change log', 9, 9), key()], [...compacted, key({ row: null, told: null })]],
    },
  ],
  [
    'processors',
    comesOutLate,
    {
      holds: [[...compacted, processor('kept', true), processor('lost', false, named)]],
      refuted: [
        [...compacted, processor('kept', true), processor('lost', true)],
        [...compacted, processor('kept', true), processor('lost', false, 'no reason')],
        [...compacted, processor('kept', false), processor('lost', false, named)],
      ],
      unknown: [[], compacted, [processor('kept', true), processor('lost', false, named)]],
    },
  ],
])('%s', (_name, { check }, histories) => {
  test.each(['holds', 'refuted', 'unknown'] as const)('%s', (verdict) => {
    for (const history of histories[verdict]) expect(check(history).verdict).toBe(verdict)
  })
})

describe('what is left of a day', () => {
  const { events } = imagineDay(1, { orders: 40, changesMax: 5, limitedSkus: 2 })
  const fold = startFold()
  for (const event of events) fold.add(event)
  const byKey = [...Map.groupBy(events, ({ key: own }) => own)]
  const toldOf = (own: string) => {
    const state = fold.state(own)
    return state.kind === 'order' ? state.order : undefined
  }

  test('of whole keys, nothing is wrong', () => {
    for (const [own, all] of byKey) {
      const { refusedFor, state, added, row, told } = judgeKey(own, { events: all, left: all, told: toldOf(own) })
      expect({ refusedFor, added, told }).toEqual({ refusedFor: null, added: state, told: row })
    }
  })

  test('of keys with their last event alone, those with several cannot be folded, and are wrong for who adds up', () => {
    for (const [own, all] of byKey.filter(([name]) => skuOfKey(name) === undefined)) {
      const { refusedFor, state, added } = judgeKey(own, { events: all, left: all.slice(-1), told: undefined })
      const isWhole = all.length === 1
      expect({ refusedFor, isRight: added === state }).toEqual({
        refusedFor: isWhole ? null : 'sequence-gap',
        isRight: isWhole,
      })
    }
  })
})
