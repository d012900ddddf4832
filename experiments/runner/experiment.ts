/**
 * What an experiment is: a claim, a run that records what it sees, and checks that judge the record.
 *
 * Invariant: checks and reports are pure functions of the history. Whoever doubts a verdict can read the same lines.
 */
import { openHistory, readHistory } from '@driftlab/history'
import type { Chart, Table } from '@driftlab/static-page'
import type { z } from 'zod'
import type { Laboratory } from '../laboratory/laboratory.ts'

export type { Chart, Table } from '@driftlab/static-page'

/** `holds`: the claim withstood the attempt to refute it. `unknown`: nothing was seen that could tell; never a pass. */
export const verdicts = ['holds', 'refuted', 'unknown'] as const
export type Verdict = (typeof verdicts)[number]

export interface Finding {
  readonly verdict: Verdict
  /** In one sentence, with the numbers that decided. */
  readonly because: string
  /** The offending keys, schedules or readings; at most a few dozen. */
  readonly evidence?: readonly unknown[]
}

/** One part of a claim, such that the claim holds when all of its parts do. */
export interface Check<Entry> {
  readonly statement: string
  readonly check: (history: readonly Entry[]) => Finding
  /** Why it is left out of quick runs. Of speed, a few trials on a busy machine say nothing. */
  readonly onlyInFull?: 'it is about speed' | 'it takes long'
}

/** A cell of the table of strategies in docs/strategies.md. */
export interface Fact {
  /** As WRITE_STRATEGY names it, or what stands beside those. */
  readonly strategy: string
  /** What it was put against, or what it costs: the column. */
  readonly against: string
  /** In a few words, with the number. */
  readonly fact: string
}

export interface Report {
  readonly tables: readonly Table[]
  readonly charts: readonly Chart[]
  readonly facts?: readonly Fact[]
}

export interface RunContext<Entry> {
  readonly record: (entry: Entry) => void
  /** In [0, 1), the same sequence for the same seed. What really runs in parallel is not ordered by it. */
  readonly random: () => number
  /** Fewer trials, for CI: the checks stay the same, the intervals grow. */
  readonly quick: boolean
  readonly signal: AbortSignal
  readonly progress: (step: string, detail?: string) => void
  /** @throws when the experiment did not say that it needs one. */
  readonly laboratory: () => Laboratory
}

export interface Definition<Entry> {
  /** Also its folder's name. */
  readonly name: string
  /** One sentence that can be wrong. */
  readonly claim: string
  /** What would have to be seen for the claim to be wrong. */
  readonly refutedBy: string
  /** `nothing`: it runs in this process alone. */
  readonly needs: 'nothing' | 'laboratory'
  readonly entry: z.ZodType<Entry>
  readonly run: (context: RunContext<Entry>) => Promise<void>
  readonly checks: readonly Check<Entry>[]
  readonly report: (history: readonly Entry[]) => Report
}

export interface Conclusion {
  readonly entries: number
  readonly findings: readonly (Finding & { readonly statement: string })[]
  readonly report: Report
}

/** A definition whose entries are its own affair, so that the runner can hold many. */
export interface Experiment extends Pick<Definition<never>, 'name' | 'claim' | 'refutedBy' | 'needs'> {
  readonly statements: readonly string[]
  /** Runs it, with its history in `file`. @throws what the run throws; what it recorded until then is in the file. */
  observe(file: string, context: Omit<RunContext<never>, 'record'>): Promise<void>
  conclude(file: string, options: { readonly quick: boolean }): Promise<Conclusion>
}

export function defineExperiment<Entry>(definition: Definition<Entry>): Experiment {
  const { name, claim, refutedBy, needs, entry, checks } = definition
  return {
    name,
    claim,
    refutedBy,
    needs,
    statements: checks.map(({ statement }) => statement),
    observe: async (file, context) => {
      const history = await openHistory(file, entry)
      try {
        await definition.run({ ...context, record: history.record })
      } finally {
        await history.close()
      }
    },
    conclude: async (file, { quick }) => {
      const history = await readHistory(file, entry)
      const judged = checks.filter(({ onlyInFull }) => !(quick && onlyInFull !== undefined))
      return {
        entries: history.length,
        findings: judged.map(({ statement, check }) => ({ statement, ...judge(history, check) })),
        report: history.length === 0 ? { tables: [], charts: [] } : definition.report(history),
      }
    },
  }
}

/** A check that throws has seen nothing, and neither has one without a history. */
function judge<Entry>(history: readonly Entry[], check: (history: readonly Entry[]) => Finding): Finding {
  if (history.length === 0) return { verdict: 'unknown', because: 'the run recorded nothing' }
  try {
    return check(history)
  } catch (error) {
    return {
      verdict: 'unknown',
      because: `the check itself failed: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
}

/** Refuted by one part is refuted; otherwise unknown in one part is unknown; no part at all is unknown. */
export function composeVerdicts(parts: readonly Verdict[]): Verdict {
  if (parts.includes('refuted')) return 'refuted'
  return parts.length > 0 && parts.every((part) => part === 'holds') ? 'holds' : 'unknown'
}
