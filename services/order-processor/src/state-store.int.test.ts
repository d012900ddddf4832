import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { parseOffset } from '@driftlab/change-event'
import { emptyState, stockKey, type Outcome, type State } from '@driftlab/order-events'
import { beginning, openStateStore, type Progress } from './state-store.ts'

const key = stockKey('limited-lamp')
const state: State = { kind: 'stock', receivedUnits: 3, reservedUnits: 1, updatedAt: '', sequence: 2, hash: 'h' }
const progress: Progress = {
  lastEvent: { offset: parseOffset(4), hash: 'h' },
  outcomesNext: parseOffset(9),
  place: parseOffset(7),
}
const outcomeOf = (number: number): Outcome => ({
  version: 1,
  commandId: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
  key,
  offset: number,
  fingerprint: null,
  repeated: false,
  result: { status: 'forwarded' },
})

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'driftlab-state-'))
  file = join(folder, 'deeper', '0.sqlite')
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const open = (outcomesKept = 10) => openStateStore(file, { outcomesKept })
const fill = (): void => {
  const store = open()
  store.apply(new Map([[key, state]]), [outcomeOf(1)], progress)
  store.close()
}

test('what was applied is there again, and of what never was, the beginning', () => {
  fill()
  const store = open()
  expect(store.state(key)).toEqual(state)
  expect(store.state('other')).toEqual(emptyState('other'))
  expect(store.outcome(key, outcomeOf(1).commandId ?? '')).toEqual(outcomeOf(1))
  expect(store.outcome('other', outcomeOf(1).commandId ?? '')).toBeUndefined()
  expect(store.progress()).toEqual(progress)
  store.close()
})

test.each([
  [
    'of another version',
    () => {
      new DatabaseSync(file).exec('pragma user_version = 99')
    },
  ],
  [
    'no database',
    () => {
      writeFileSync(file, 'no database')
    },
  ],
  [
    'empty',
    () => {
      writeFileSync(file, '')
    },
  ],
])('a file that is %s is made anew', (_what, spoil) => {
  fill()
  spoil()
  const store = open()
  expect(store.progress()).toEqual(beginning)
  expect(store.state(key)).toEqual(emptyState(key))
  store.close()
})

test('of a change that fails nothing is there', () => {
  fill()
  const store = open()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const broken = new Map([
    [key, { ...state, receivedUnits: 9 }],
    ['other', circular as never],
  ])
  expect(() => {
    store.apply(broken, [], beginning)
  }).toThrow()
  expect(store.state(key)).toEqual(state)
  expect(store.progress()).toEqual(progress)
  store.close()
})

test('no more outcomes are kept than were asked for, the latest ones', () => {
  const store = open(3)
  store.apply(new Map(), [1, 2, 3, 4, 5].map(outcomeOf), beginning)
  store.apply(new Map(), [6].map(outcomeOf), beginning)
  const kept = [1, 2, 3, 4, 5, 6].filter(
    (number) => store.outcome(key, outcomeOf(number).commandId ?? '') !== undefined,
  )
  expect(kept).toEqual([4, 5, 6])
  store.close()
})
