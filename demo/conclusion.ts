/**
 * What the demo concludes from its audits. Pure: the exit code, the plain words, the orders to show.
 *
 * Invariant: a verdict that is `unknown` is never counted as success, and never as proof of the opposite either.
 */
import { divergenceKinds, stores, type DivergenceKind, type Example, type LaneResult, type Store } from './result.ts'

export interface Verdicts {
  readonly 'dual-write': LaneResult['verdict']
  readonly cdc: LaneResult['verdict']
}

/** 0: the demo showed its point. 1: it did not. 2: at least one lane could not be judged. */
export function exitCodeOf(verdicts: Verdicts): 0 | 1 | 2 {
  if (verdicts['dual-write'] === 'unknown' || verdicts.cdc === 'unknown') return 2
  return verdicts.cdc === 'consistent' && verdicts['dual-write'] === 'diverged' ? 0 : 1
}

export function conclusionOf(lanes: Readonly<Record<'dual-write' | 'cdc', LaneResult>>): string {
  return [dualWriteConclusion(lanes['dual-write']), cdcConclusion(lanes.cdc)].join('\n')
}

function dualWriteConclusion(lane: LaneResult): string {
  switch (lane.verdict) {
    case 'diverged':
      return (
        `Dual writes: ${lane.divergentOrders} of ${lane.orders} orders are not the same everywhere, and nothing will ` +
        'repair them. Every request was answered as usual.'
      )
    case 'consistent':
      return (
        `Dual writes: all ${lane.orders} orders agree this time. No two writes to one order overtook each other; ` +
        'a higher RATE or a longer DURATION makes that likelier.'
      )
    case 'unknown':
      return `Dual writes: no verdict. ${lane.doubts.join(' ')}`
  }
}

function cdcConclusion(lane: LaneResult): string {
  switch (lane.verdict) {
    case 'consistent':
      return `Change data capture: all ${lane.orders} orders are the same in every store, under the same load.`
    case 'diverged':
      return (
        `Change data capture: ${lane.divergentOrders} of ${lane.orders} orders differ. That should not happen: ` +
        'keep the stack, look at the orders above and at make logs, and please report it.'
      )
    case 'unknown':
      return `Change data capture: no verdict. ${lane.doubts.join(' ')}`
  }
}

export interface Divergence {
  readonly store: Store
  readonly key: string
  readonly kind: DivergenceKind
  readonly reason: string
  readonly differences: readonly { readonly field: string; readonly source: unknown; readonly store: unknown }[]
}

export function countKinds(divergences: readonly Pick<Divergence, 'kind'>[]): Record<DivergenceKind, number> {
  const counts: Record<DivergenceKind, number> = {
    missing: 0,
    stale: 0,
    phantom: 0,
    resurrected: 0,
    corrupt: 0,
    parked: 0,
  }
  for (const { kind } of divergences) counts[kind] += 1
  return counts
}

/**
 * Up to `max` orders worth showing: first one of each kind of divergence, and of each kind the one that differs in
 * most stores. Times and revision come last in the fields, since they always differ and say least.
 */
export function chooseExamples(divergences: readonly Divergence[], max = 3): readonly Example[] {
  const orders = [...Map.groupBy(divergences, ({ key }) => key).values()].sort(
    (left, right) => right.length - left.length || fieldCount(right) - fieldCount(left),
  )
  const chosen = new Set<readonly Divergence[]>()
  for (const kind of divergenceKinds) {
    const order = orders.find((found) => found.some((divergence) => divergence.kind === kind))
    if (order !== undefined && chosen.size < max) chosen.add(order)
  }
  for (const order of orders) {
    if (chosen.size >= max) break
    chosen.add(order)
  }
  return [...chosen].map(toExample)
}

function fieldCount(order: readonly Divergence[]): number {
  return order.reduce((sum, { differences }) => sum + differences.length, 0)
}

const tellingLast = ['revision', 'updatedAt', 'updated_at']

function toExample(order: readonly Divergence[]): Example {
  const found: Example['stores'] = {}
  for (const store of stores) {
    const divergence = order.find((candidate) => candidate.store === store)
    if (divergence === undefined) continue
    found[store] = {
      kind: divergence.kind,
      reason: divergence.reason,
      fields: divergence.differences
        .map(({ field, source, store: held }) => ({ field, systemOfRecord: source, store: held }))
        .sort((left, right) => tellingLast.indexOf(left.field) - tellingLast.indexOf(right.field)),
    }
  }
  return { id: order[0]?.key ?? '', stores: found }
}
