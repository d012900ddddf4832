import type { Held } from '@driftlab/auditor'
import { describe, expect, test } from '@jest/globals'
import { generationOf, generationsOf, prefixOf } from '../../cache-updater/src/generation.ts'
import { differenceOf, renderComparisons } from './compare.ts'
import { renderProgress, renderRebuilt } from './progress.ts'

const held = (fields: Readonly<Record<string, unknown>>): Held => ({ state: 'present', fields })
const absent: Held = { state: 'absent' }

describe('the prefix of a generation', () => {
  test('the first is the one that people know; every one says its number', () => {
    expect(prefixOf('cdc', 1)).toBe('cdc:order:')
    expect(prefixOf('cdc', 1)).toBe(generationsOf('cdc').firstPrefix)
    expect([1, 2, 12].map((number) => generationOf(prefixOf('cdc-v3', number)))).toEqual([1, 2, 12])
  })
})

describe('the difference of a key', () => {
  test('is none where both have the same, or nothing', () => {
    const order = () => held({ revision: 1, items: [{ sku: 'a' }] })
    expect(differenceOf('k', order(), order())).toBeUndefined()
    expect(differenceOf('k', absent, absent)).toBeUndefined()
  })
  test.each([
    ['missing', held({ revision: 1 }), absent],
    ['extra', absent, held({ revision: 1 })],
    ['newer', held({ revision: 1 }), held({ revision: 2 })],
    ['older', held({ revision: 2 }), held({ revision: 1 })],
    ['changed', held({ revision: 1, note: 'a' }), held({ revision: 1, note: 'b' })],
    ['changed', held({ revision: 1 }), { state: 'unreadable', reason: 'not JSON', excerpt: '' } satisfies Held],
  ] as const)('%s', (kind, old, current) => {
    expect(differenceOf('k', old, current)).toMatchObject({ key: 'k', kind })
  })
  test('names only the fields that differ', () => {
    expect(
      differenceOf(
        'k',
        held({ revision: 1, note: 'a', status: 'paid' }),
        held({ revision: 1, note: 'b', status: 'paid' }),
      ),
    ).toEqual({
      ...{ key: 'k', kind: 'changed', old: { note: 'a' }, current: { note: 'b' } },
    })
  })
})

test('a comparison is told with its examples', () => {
  const text = renderComparisons([
    {
      ...{ store: 'redis', old: 'cdc:order:', current: 'cdc:v2:order:', keys: 2 },
      counts: { missing: 0, extra: 0, newer: 0, older: 0, changed: 1 },
      examples: [{ key: 'k', kind: 'changed', old: { note: 'a' }, current: { note: 'b' } }],
    },
  ])
  expect(text).toContain('cdc:v2:order:')
  expect(text).toContain('redis k: changed\n  old      {"note":"a"}\n  current  {"note":"b"}')
})

describe('progress', () => {
  test('says how much of the log is done, at what pace, and how long it still takes', () => {
    const filling = { step: 'filling', position: 500, end: 1_000, keys: 400, elapsedMs: 2_000 } as const
    expect(renderProgress({ ...filling, waitingFor: undefined })).toBe(
      '████████████░░░░░░░░░░░░ 500 of 1000 offsets, 200 keys/s, 2 s to go',
    )
    expect(renderProgress({ ...filling, waitingFor: 'Redis takes no writes' })).toContain(
      'waits: Redis takes no writes',
    )
  })
  test('an empty topic is done', () => {
    const empty = { step: 'filling', position: 0, end: 0, keys: 0, elapsedMs: 0, waitingFor: undefined } as const
    expect(renderProgress(empty)).toBe('████████████████████████ 0 of 0 offsets, 0 keys/s')
  })
  test('the result names what a reader has to know', () => {
    expect(
      renderRebuilt({
        ...{ store: 'redis', from: 'a', to: 'b', kept: true, keys: 10, records: 10, fillMs: 500, keysPerSecond: 20 },
        ...{ heldMs: 80.4, switchedAtMs: 0, poison: 2 },
      }),
    ).toBe(
      'a -> b, 10 keys in 0.5 s (20 keys/s), writers held for 80 ms, 2 poison records left out, which the dead letters have, the old generation is kept until the next rebuild',
    )
  })
})
