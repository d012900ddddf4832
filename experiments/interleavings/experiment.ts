/** Every interleaving of two writers of one order, for each strategy's own code: which of them end with different stores. */
import { z } from 'zod'
import { derivedStores, type DerivedStoreName } from '../../services/orders/src/derived-stores/derived-store.ts'
import { defineExperiment, type Check, type Finding } from '../runner/experiment.ts'
import { faultsOf, isLogBased, scenarios, subjects, type SceneOptions, type Subject } from './scenes.ts'
import { exploreAll } from './threads.ts'
import { faultKinds, type FaultKind } from './world.ts'

const count = z.string().regex(/^\d+$/)

const entrySchema = z.object({
  subject: z.enum(subjects),
  scenario: z.enum(scenarios),
  fault: z.enum(faultKinds),
  stores: z.array(z.enum(derivedStores)),
  states: z.int().positive(),
  /** Larger than a number may be. */
  runs: count,
  divergentRuns: count,
  example: z
    .object({ choices: z.array(z.int()), trace: z.array(z.string()), divergent: z.array(z.string()) })
    .nullable(),
})
export type Entry = z.output<typeof entrySchema>

const dualWrites = subjects.filter((subject) => !isLogBased(subject))
const racing = dualWrites.filter((subject) => subject !== 'dual-write-in-transaction')

export const interleavings = defineExperiment<Entry>({
  name: 'interleavings',
  claim:
    'Two writers of one order are enough to leave the stores of a dual write different, and so is one that dies or one ' +
    'store that fails, whatever the usual repair; through the log no interleaving and no single fault does.',
  refutedBy:
    'A strategy of dual writes without a divergent run, or a divergent run of change data capture with the version guard.',
  needs: 'nothing',
  entry: entrySchema,
  run: async ({ record, progress, signal }) => {
    const scenes = subjects.flatMap((subject) =>
      faultsOf(subject).flatMap((fault) =>
        scenarios.flatMap((scenario) =>
          storesTogether(subject).map((stores): SceneOptions => ({ subject, scenario, fault, stores })),
        ),
      ),
    )
    const found = await exploreAll(scenes, {
      signal,
      onScene: ({ subject, fault, scenario }) => {
        progress(`${subject}, ${fault}, ${scenario}`)
      },
    })
    for (const { stores, runs, divergentRuns, example, ...entry } of found) {
      record({
        ...{ ...entry, stores: [...stores], runs: String(runs), divergentRuns: String(divergentRuns) },
        example:
          example === null
            ? null
            : { choices: [...example.choices], trace: [...example.trace], divergent: [...example.divergent] },
      })
    }
  },
  checks: [
    divergesIn('two writers are enough: some runs diverge though nothing fails', racing, 'nothing fails'),
    neverDivergesIn(
      'the lock held until every store has acknowledged closes the race, while nothing fails',
      ['dual-write-in-transaction'],
      ['nothing fails'],
    ),
    divergesIn('a process that dies is enough, for every variant', dualWrites, 'a process dies'),
    divergesIn('a store that fails once is enough, for every variant', dualWrites, 'a store fails once'),
    neverDivergesIn('through the log, no run diverges', ['cdc'], faultsOf('cdc')),
    divergesIn(
      'the version guard is what makes it so: without it, a sink that was taken over can undo what came after',
      ['cdc without the version guard'],
      'a sink is taken over',
    ),
  ],
  report: (history) => ({
    facts: subjects.flatMap((subject) => {
      const entries = select(history, [subject], faultsOf(subject))
      if (entries.length === 0) return []
      const diverged = sum(entries.map((entry) => entry.divergentRuns))
      const share = Number((diverged * 1_000n) / sum(entries.map((entry) => entry.runs))) / 10
      const fact = diverged === 0n ? 'none diverges' : `${share} % diverge`
      return [{ strategy: subject, against: 'every interleaving', fact }]
    }),
    tables: [
      {
        title: 'Runs that end with different stores, of all runs, for two updates and for an update and a removal',
        head: ['strategy', ...faultKinds],
        rows: subjects.map((subject) => [
          subject,
          ...faultKinds.map((fault) => {
            const entries = select(history, [subject], [fault])
            if (entries.length === 0) return '–'
            const runs = sum(entries.map((entry) => entry.runs))
            return `${sum(entries.map((entry) => entry.divergentRuns))} of ${runs}`
          }),
        ]),
      },
      ...subjects.flatMap((subject) => {
        const example = select(history, [subject], faultsOf(subject)).find((entry) => entry.example !== null)
        if (!example?.example) return []
        return [
          {
            title: `The plainest divergent run of ${subject} (${example.fault}, ${example.scenario})`,
            head: ['step', 'what happens'],
            rows: [
              ...example.example.trace.map((step, index) => [String(index + 1), step]),
              ['', `different for ever: ${example.example.divergent.join(', ')}`],
            ],
          },
        ]
      }),
    ],
    charts: [
      {
        title: 'Share of all interleavings that diverge',
        kind: 'bar',
        x: 'strategy',
        y: '% of runs',
        series: faultKinds.map((fault) => ({
          name: fault,
          points: subjects.flatMap((subject) => {
            const entries = select(history, [subject], [fault])
            if (entries.length === 0) return []
            const runs = sum(entries.map((entry) => entry.runs))
            const diverged = sum(entries.map((entry) => entry.divergentRuns))
            return [{ x: subject, y: Number((diverged * 10_000n) / runs) / 100 }]
          }),
        })),
      },
    ],
  }),
})

/**
 * A dual write reaches the stores together. A sink reads the log and writes one store, and no other sink sees anything
 * of it, so each is explored by itself: all three together have the same runs, multiplied.
 */
function storesTogether(subject: Subject): readonly (readonly DerivedStoreName[])[] {
  return isLogBased(subject) ? derivedStores.map((name) => [name]) : [derivedStores]
}

function select(history: readonly Entry[], of: readonly Subject[], faults: readonly FaultKind[]): readonly Entry[] {
  return history.filter(({ subject, fault }) => of.includes(subject) && faults.includes(fault))
}

function sum(counts: readonly string[]): bigint {
  return counts.reduce((total, text) => total + BigInt(text), 0n)
}

/** What the history must contain for a check to say anything. */
function missing(history: readonly Entry[], of: readonly Subject[], faults: readonly FaultKind[]): Finding | undefined {
  for (const subject of of) {
    for (const fault of faults) {
      for (const scenario of scenarios) {
        for (const stores of storesTogether(subject)) {
          const found = history.some(
            (entry) =>
              entry.subject === subject &&
              entry.fault === fault &&
              entry.scenario === scenario &&
              entry.stores.join() === stores.join() &&
              entry.runs !== '0',
          )
          if (!found) {
            return {
              verdict: 'unknown',
              because: `nothing was seen of ${subject}, ${fault}, ${scenario}, ${stores.join()}`,
            }
          }
        }
      }
    }
  }
  return undefined
}

/** Every one of the subjects has a divergent run, in each scenario or in one of them. */
function divergesIn(statement: string, of: readonly Subject[], fault: FaultKind): Check<Entry> {
  return {
    statement,
    check: (history) => {
      const unseen = missing(history, of, [fault])
      if (unseen !== undefined) return unseen
      const spared = of.filter((subject) =>
        select(history, [subject], [fault]).every(({ divergentRuns }) => divergentRuns === '0'),
      )
      if (spared.length > 0) return { verdict: 'refuted', because: `no run of ${spared.join(', ')} diverges` }
      const parts = of.map((subject) => {
        const entries = select(history, [subject], [fault])
        return `${subject}: ${sum(entries.map((entry) => entry.divergentRuns))} of ${sum(entries.map((entry) => entry.runs))}`
      })
      return { verdict: 'holds', because: parts.join('; ') }
    },
  }
}

function neverDivergesIn(statement: string, of: readonly Subject[], faults: readonly FaultKind[]): Check<Entry> {
  return {
    statement,
    check: (history) => {
      const unseen = missing(history, of, faults)
      if (unseen !== undefined) return unseen
      const entries = select(history, of, faults)
      const divergent = entries.filter(({ divergentRuns }) => divergentRuns !== '0')
      if (divergent.length > 0) {
        return {
          verdict: 'refuted',
          because: `${sum(divergent.map((entry) => entry.divergentRuns))} runs diverge`,
          evidence: divergent.flatMap(({ subject, fault, example }) => [
            `${subject}, ${fault}:`,
            ...(example?.trace ?? []),
          ]),
        }
      }
      return { verdict: 'holds', because: `none of ${sum(entries.map((entry) => entry.runs))} runs` }
    },
  }
}
