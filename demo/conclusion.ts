/**
 * What the demo concludes from its audits and loads. Pure: the result of a lane, the exit code, the plain words.
 *
 * Invariant: a verdict that is `unknown` is never counted as success, and never as proof of the opposite either.
 */
import type { LaneReport, Example as AuditExample } from '@driftlab/auditor'
import type { LoadResult } from '../load-tests/load.ts'
import { divergenceKinds, stores, type Example, type LaneResult, type Store } from './result.ts'

export const examplesMax = 3

export interface Verdicts {
  readonly 'dual-write': LaneResult['verdict']
  readonly cdc: LaneResult['verdict']
}

/** 0: the demo showed its point. 1: it did not. 2: at least one lane could not be judged. */
export function exitCodeOf(verdicts: Verdicts): 0 | 1 | 2 {
  if (verdicts['dual-write'] === 'unknown' || verdicts.cdc === 'unknown') return 2
  return verdicts.cdc === 'consistent' && verdicts['dual-write'] === 'diverged' ? 0 : 1
}

export interface LaneObservations {
  readonly load: LoadResult
  readonly report: LaneReport
  /** From commit to visible; null for a store of which nobody measures it. */
  readonly latencyMs: Readonly<Record<Store, LaneResult['stores'][Store]['latencyMs']>>
  readonly lag: LaneResult['lag']
}

/** @throws {TypeError} when the audit did not look into one of the stores: that would be no result of this demo. */
export function laneResultOf({ load, report, latencyMs, lag }: LaneObservations): LaneResult {
  const storeResult = (store: Store): LaneResult['stores'][Store] => {
    const found = report.stores[store]
    if (found === undefined) throw new TypeError(`The audit says nothing of ${store}`)
    return { divergences: { ...found.divergences }, latencyMs: latencyMs[store] }
  }
  return {
    verdict: report.verdict,
    doubts: [...report.doubts],
    orders: report.sourceRows,
    http: {
      changes: load.changes,
      refused: load.refused,
      partialFailures: load.partialFailures,
      failures: load.failures,
      droppedOperations: load.droppedOperations,
      latencyMs: load.latencyMs,
    },
    lag,
    stores: {
      redis: storeResult('redis'),
      elasticsearch: storeResult('elasticsearch'),
      clickhouse: storeResult('clickhouse'),
    },
    examples: report.examples.slice(0, examplesMax).map(toExample),
  }
}

function toExample(found: AuditExample): Example {
  const storeExample = (store: Store): Example['stores'][Store] => {
    const held = found.stores[store]
    if (held === undefined) {
      return { status: 'unobserved', reason: null, revision: null, holds: null, differences: [] }
    }
    return {
      status: held.status,
      reason: held.reason,
      revision: held.revision,
      holds: held.fields === null ? null : { ...held.fields },
      differences: held.differences
        .map((difference) => ({
          field: difference.field,
          systemOfRecord: difference.source,
          store: difference.store,
        }))
        .sort((left, right) => tellingLast.indexOf(left.field) - tellingLast.indexOf(right.field)),
    }
  }
  return {
    id: found.key,
    systemOfRecord: found.source.state,
    revision: found.source.state === 'absent' ? null : found.source.revision,
    stores: {
      redis: storeExample('redis'),
      elasticsearch: storeExample('elasticsearch'),
      clickhouse: storeExample('clickhouse'),
    },
    writes: null,
  }
}

/** These always differ, and say least; a reader wants to see the others first. */
const tellingLast = ['revision', 'updatedAt', 'updated_at']

/** Copies of orders that are not as they should be, over all stores. */
export function divergentCopies(lane: Pick<LaneResult, 'stores'>): number {
  return stores
    .flatMap((store) => divergenceKinds.map((kind) => lane.stores[store].divergences[kind]))
    .reduce((sum, count) => sum + count, 0)
}

export function conclusionOf(lanes: Readonly<Record<'dual-write' | 'cdc', LaneResult>>): string {
  return [dualWriteConclusion(lanes['dual-write']), cdcConclusion(lanes.cdc)].join('\n')
}

function dualWriteConclusion(lane: LaneResult): string {
  switch (lane.verdict) {
    case 'diverged':
      return (
        `Dual writes: of ${lane.orders} orders, ${divergentCopies(lane)} copies in the other stores are wrong, and ` +
        'nothing will mend them. ' +
        failedRequests(lane)
      )
    case 'consistent':
      return (
        `Dual writes: all ${lane.orders} orders are the same everywhere, this time. No two writes overtook each other; ` +
        'a higher RATE or a longer DURATION makes that likelier.'
      )
    case 'unknown':
      return `Dual writes: no verdict. ${lane.doubts.join('; ')}`
  }
}

function failedRequests({ http }: LaneResult): string {
  if (http.partialFailures + http.failures === 0) return 'No request failed on the way.'
  return `${http.partialFailures} requests failed half-way and ${http.failures} otherwise.`
}

function cdcConclusion(lane: LaneResult): string {
  switch (lane.verdict) {
    case 'consistent':
      return `Change data capture: under the same load all ${lane.orders} orders are the same in every store.`
    case 'diverged':
      return (
        `Change data capture: of ${lane.orders} orders, ${divergentCopies(lane)} copies are wrong. That should not ` +
        'happen: run it again with KEEP=1, look at the orders above and at make logs, and please report it.'
      )
    case 'unknown':
      return `Change data capture: no verdict. ${lane.doubts.join('; ')}`
  }
}
