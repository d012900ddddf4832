/**
 * The verdict: what an audit may claim from what it saw.
 *
 * Pure. Invariant: nothing seen, or not all seen, is never `consistent`; a certain divergence is never outvoted; and
 * putting verdicts together never turns `unknown` into `consistent`.
 */
export type Verdict = 'consistent' | 'diverged' | 'unknown'

/** What was observed; `doubts` are the reasons why it may not be all there is. */
export interface Observation {
  readonly divergences: number
  readonly comparisons: number
  readonly doubts: readonly string[]
}

export function verdictOf({ divergences, comparisons, doubts }: Observation): Verdict {
  if (divergences > 0) return 'diverged'
  if (doubts.length > 0 || comparisons <= 0) return 'unknown'
  return 'consistent'
}

/** One verdict for several parts; of no parts at all, `unknown`. */
export function composeVerdicts(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('diverged')) return 'diverged'
  return verdicts.length > 0 && verdicts.every((verdict) => verdict === 'consistent') ? 'consistent' : 'unknown'
}

/** The exit code of a command that gives a verdict. */
export function exitCodeOf(verdict: Verdict): 0 | 1 | 2 {
  switch (verdict) {
    case 'consistent':
      return 0
    case 'diverged':
      return 1
    case 'unknown':
      return 2
  }
}
