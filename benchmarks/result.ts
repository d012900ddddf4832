/** What a benchmark prints and writes to `.lab/results/bench.json`. */
export interface Result {
  readonly name: string
  readonly value: number
  readonly unit:
    's' | 'ms' | 'orders/s' | 'changes/s' | 'commands/s' | 'keys/s' | '% of one core' | 'MiB' | 'µs per change'
  /** What the project means to reach; null where the figure is there to compare with. */
  readonly target: { readonly below: number } | { readonly atLeast: number } | null
  readonly [setting: string]: unknown
}

export function isMet({ value, target }: Result): boolean | undefined {
  if (target === null) return undefined
  return 'below' in target ? value < target.below : value >= target.atLeast
}

export function describeTarget(target: Result['target']): string {
  if (target === null) return ''
  return 'below' in target ? `< ${target.below}` : `>= ${target.atLeast}`
}
