import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { derivedStores } from '../../services/orders/src/derived-stores/derived-store.ts'
import { interleavings, type Entry } from './experiment.ts'
import { explore, replay, type Scene } from './explore.ts'
import { createScene, faultsOf, isLogBased, scenarios, subjects } from './scenes.ts'
import { createWorld, StoreFailed, type FaultKind } from './world.ts'

const bounds = { stepsMax: 120, signal: new AbortController().signal }

/** Actors that each write once into one place; the one to write last is what it holds. */
function toyScene(names: readonly string[], fault: FaultKind): Scene {
  const place = { holds: '' }
  const world = createWorld(fault, (error) => error instanceof StoreFailed)
  for (const name of names) {
    world.start({
      name,
      run: async (actor) => {
        await actor.request({
          label: 'writes',
          canFail: true,
          land: () => {
            place.holds = name
          },
        })
      },
    })
  }
  return { world, stores: () => place.holds, divergent: () => (place.holds === 'A' ? ['the place'] : []) }
}

describe('a world', () => {
  test('of two writes, each landing and being heard of, has six runs, and half of them end with the first writer', async () => {
    const found = await explore(() => toyScene(['A', 'B'], 'nothing fails'), bounds)
    expect(found).toMatchObject({ runs: 6n, divergentRuns: 3n })
    expect(found.example?.trace).toEqual(['B: writes', 'A: writes'])
  })

  test('with a death has runs in which a write is lost, lands late, or had landed', async () => {
    const runs: string[] = []
    const walk = async (choices: readonly number[]): Promise<void> => {
      const labels: string[] = []
      const scene = await replay(
        () => toyScene(['A'], 'a process dies'),
        choices,
        ({ label }) => labels.push(label),
      )
      const events = scene.world.events()
      if (events.length === 0) runs.push(labels.join(', '))
      for (const index of events.keys()) await walk([...choices, index])
    }
    await walk([])
    expect(runs.toSorted()).toEqual(
      [
        'DIES, (writes: lost on the way)',
        'DIES, writes, late',
        'writes, DIES',
        'writes, hears the answer to: writes',
      ].toSorted(),
    )
  })

  test('whose run never ends is reported, not explored for ever', async () => {
    const begin = (): Scene => {
      const world = createWorld('nothing fails', () => false)
      let round = 0
      world.start({
        name: 'A',
        run: async (actor) => {
          for (;;) await actor.request({ label: 'again', land: () => (round += 1) })
        },
      })
      return { world, stores: () => round, divergent: () => [] }
    }
    await expect(explore(begin, bounds)).rejects.toThrow('a run of more than 120 steps')
  })

  test('in which code fails by itself is no observation', async () => {
    const begin = (): Scene => {
      const world = createWorld('nothing fails', () => false)
      world.start({
        name: 'A',
        run: async (actor) => {
          await actor.request({ label: 'writes', land: () => undefined })
          throw new TypeError('a bug')
        },
      })
      return { world, stores: () => 0, divergent: () => [] }
    }
    await expect(explore(begin, bounds)).rejects.toMatchObject({ cause: new TypeError('a bug') })
  })
})

test.each(subjects.filter((subject) => !isLogBased(subject) && subject !== 'dual-write-in-transaction'))(
  'the example of %s ends the same way whenever it is run again',
  async (subject) => {
    const begin = () =>
      createScene({ subject, scenario: 'an update and a removal', fault: 'nothing fails', stores: ['redis'] })
    const { example } = await explore(begin, bounds)
    if (example === null) throw new Error('there is none')
    for (let repeat = 0; repeat < 3; repeat += 1) {
      expect((await replay(begin, example.choices)).divergent()).toEqual(example.divergent)
    }
  },
  120_000,
)

test('with the lock held until the store has acknowledged, no run diverges while nothing fails', async () => {
  const subject = 'dual-write-in-transaction'
  const begin = () => createScene({ subject, scenario: 'two updates', fault: 'nothing fails', stores: ['redis'] })
  const { runs, divergentRuns } = await explore(begin, bounds)
  expect(runs).toBeGreaterThan(1n)
  expect(divergentRuns).toBe(0n)
}, 120_000)

describe('the verdict', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'interleavings-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  /** As the real run finds it, in small numbers. */
  const expected: readonly Entry[] = subjects.flatMap((subject) =>
    faultsOf(subject).flatMap((fault) =>
      scenarios.flatMap((scenario) =>
        (isLogBased(subject) ? derivedStores.map((name) => [name]) : [[...derivedStores]]).map((stores): Entry => {
          const safe = subject === 'cdc' || (subject === 'dual-write-in-transaction' && fault === 'nothing fails')
          return {
            subject,
            fault,
            scenario,
            stores,
            states: 3,
            runs: '7',
            divergentRuns: safe ? '0' : '2',
            example: null,
          }
        }),
      ),
    ),
  )

  const verdictsOf = async (history: readonly Entry[]): Promise<readonly string[]> => {
    const file = join(folder, 'history.jsonl')
    await writeFile(file, history.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    return (await interleavings.conclude(file, { quick: false })).findings.map(({ verdict }) => verdict)
  }

  test('holds for what is expected', async () => {
    expect(new Set(await verdictsOf(expected))).toEqual(new Set(['holds']))
  })

  test('is unknown where nothing was seen', async () => {
    expect(new Set(await verdictsOf([]))).toEqual(new Set(['unknown']))
    const without = expected.filter(({ subject, fault }) => subject !== 'cdc' || fault !== 'a process dies')
    expect((await verdictsOf(without)).filter((verdict) => verdict === 'unknown')).toHaveLength(1)
  })

  test.each(subjects.filter((subject) => !isLogBased(subject)))('is refuted if %s never diverges', async (spared) => {
    const history = expected.map((entry) => (entry.subject === spared ? { ...entry, divergentRuns: '0' } : entry))
    expect(await verdictsOf(history)).toContain('refuted')
  })

  test('is refuted when the version guard is taken out of change data capture', async () => {
    const fault = 'a sink is taken over'
    const begin = () =>
      createScene({ subject: 'cdc without the version guard', scenario: 'two updates', fault, stores: ['redis'] })
    const { runs, divergentRuns } = await explore(begin, bounds)
    const history = expected.map((entry): Entry => {
      const replaced = entry.subject === 'cdc' && entry.fault === fault
      return replaced ? { ...entry, runs: String(runs), divergentRuns: String(divergentRuns) } : entry
    })
    expect(await verdictsOf(history)).toContain('refuted')
  }, 120_000)
})
