/**
 * Says why the stores disagree about one order, out of how its newest writes went and what every store holds now. Pure.
 *
 * Invariant: it only says what the record shows. Where a write is not remembered, or was acknowledged and is not there,
 * the answer is that nobody knows.
 */
import type { RecordedWrite, RecordedWrites, StoreWrite } from './recorded.ts'

export const titles = {
  postgresql: 'PostgreSQL',
  redis: 'Redis',
  elasticsearch: 'Elasticsearch',
  clickhouse: 'ClickHouse',
} as const satisfies Readonly<Record<StoreWrite['store'], string>>
const derivedStores = ['redis', 'elasticsearch', 'clickhouse'] as const
export const stores = ['postgresql', ...derivedStores] as const
type DerivedStore = (typeof derivedStores)[number]

export type Cause = 'overtaken' | 'failed' | 'never-written' | 'under-way' | 'not-known'

/** What is known of who holds what: revisions of the order. */
export interface HeldRevisions {
  readonly source: { readonly state: 'present' | 'deleted' | 'absent'; readonly revision?: number | undefined }
  readonly stores: Readonly<
    Record<string, { readonly status: string; readonly holds: string; readonly revision: number | null }>
  >
}

/** One request of the diagram. */
export interface Writer {
  /** A committed before B, B before C. */
  readonly label: string
  readonly write: RecordedWrite
}

export interface Explanation {
  readonly store: DerivedStore
  readonly cause: Cause
  readonly text: string
}

export interface Anatomy {
  readonly writers: readonly Writer[]
  /** Milliseconds since 1970: from the beginning of the first write to the end of the last. */
  readonly fromMs: number
  readonly untilMs: number
  /** One for each store that differs. */
  readonly explanations: readonly Explanation[]
  /** Whose write each store holds: a label of `writers`, and undefined where that is not known. */
  readonly holders: Readonly<Partial<Record<StoreWrite['store'], string>>>
  /** What has to be kept in mind about the record itself; empty when nothing. */
  readonly caveat: string
}

export function dissect({ source, stores: held }: HeldRevisions, recorded: RecordedWrites): Anatomy {
  const { writes } = recorded
  const last = writes.findLast((write) =>
    source.state === 'deleted'
      ? write.operation === 'remove'
      : write.operation !== 'remove' && write.revision === source.revision,
  )
  const heldBy = (store: string): RecordedWrite | undefined => {
    const found = held[store]
    if (found?.status === 'same') return last
    if (found?.holds !== 'present') return undefined
    return writes.findLast((write) => write.operation !== 'remove' && write.revision === found.revision)
  }
  const differing = derivedStores.filter((store) => {
    const status = held[store]?.status
    return status !== undefined && status !== 'same' && status !== 'unobserved'
  })
  const chosen = new Set([last, ...differing.map(heldBy)].filter((write) => write !== undefined))
  const writers = [...chosen]
    .sort(byCommit)
    .map((write, index): Writer => ({ label: String.fromCodePoint(65 + index), write }))
  const labelOf = (write: RecordedWrite | undefined): string | undefined =>
    writers.find((writer) => writer.write === write)?.label
  const steps = writers.flatMap(({ write }) => write.stores)
  return {
    writers,
    fromMs: Math.min(...steps.map(({ beganMs }) => beganMs)),
    untilMs: Math.max(...steps.map(({ beganMs, endedMs }) => endedMs ?? beganMs)),
    explanations: differing.map((store) => ({ store, ...explain(store, last, heldBy(store), labelOf) })),
    holders: Object.fromEntries(stores.map((store) => [store, labelOf(store === 'postgresql' ? last : heldBy(store))])),
    caveat: caveatOf(recorded),
  }
}

type LabelOf = (write: RecordedWrite | undefined) => string | undefined

function explain(
  store: DerivedStore,
  last: RecordedWrite | undefined,
  held: RecordedWrite | undefined,
  labelOf: LabelOf,
): Omit<Explanation, 'store'> {
  const title = titles[store]
  if (last === undefined) {
    const text = `${title}: nobody remembers the write that PostgreSQL holds. It is too long ago, or the service that made it has ended since.`
    return { cause: 'not-known', text }
  }
  const newer = `write ${labelOf(last) ?? ''}`
  const step = lastStepOn(store, last)
  if (step === undefined) {
    const stopped = last.stores.find(({ outcome }) => outcome === 'failed')
    const pending = last.stores.find(({ outcome }) => outcome === 'pending')
    if (stopped !== undefined) {
      const text = `${title}: ${newer} never came here. It failed at ${titles[stopped.store]} (${stopped.error ?? 'no reason'}), and the service gave up. PostgreSQL had committed already.`
      return { cause: 'never-written', text }
    }
    if (pending !== undefined) {
      return { cause: 'under-way', text: `${title}: ${newer} is still on its way, at ${titles[pending.store]}.` }
    }
    return { cause: 'never-written', text: `${title}: ${newer} never came here, and no error says why.` }
  }
  switch (step.outcome) {
    case 'failed': {
      const text = `${title}: ${newer} got no good answer here (${step.error ?? 'no reason'}), and nobody tries it again. PostgreSQL had committed already.`
      return { cause: 'failed', text }
    }
    case 'pending':
      return { cause: 'under-way', text: `${title}: ${newer} has no answer yet.` }
    case 'acknowledged': {
      const olderStep = held === undefined || held === last ? undefined : lastStepOn(store, held)
      if (held === undefined || olderStep?.endedMs == null || step.endedMs === null) {
        const text = `${title} acknowledged ${newer} and does not hold it. Whoever wrote what it holds is not remembered.`
        return { cause: 'not-known', text }
      }
      const older = `write ${labelOf(held) ?? ''}`
      const ahead = `PostgreSQL committed ${older} before ${newer}`
      const came =
        olderStep.beganMs > step.endedMs
          ? `${older} came ${milliseconds(olderStep.beganMs - step.endedMs)} after ${newer} was done`
          : `both were on their way at once and ${older} landed last`
      const text = `${title}: ${ahead}, but here ${came}. It overwrote the newer order, and nothing will write it again.`
      return { cause: 'overtaken', text }
    }
  }
}

function caveatOf({ instances, silent, writes }: RecordedWrites): string {
  const missing =
    silent === 0
      ? []
      : [`${silent} of ${instances} ${instances === 1 ? 'instance' : 'instances'} of the service did not answer`]
  const forgotten = writes.length === 0 ? ['no write of this order is remembered'] : []
  return [...missing, ...forgotten].join('; ')
}

/** A store may have been tried several times. */
function lastStepOn(store: StoreWrite['store'], write: RecordedWrite): StoreWrite | undefined {
  return write.stores.findLast((step) => step.store === store)
}

/**
 * Of one order, the row's lock puts the commits in the order of the revisions, a removal last. The times do not tell: of two
 * instances, the one that committed first may hear of it last.
 */
function byCommit(one: RecordedWrite, other: RecordedWrite): number {
  return (
    (one.revision ?? 0) - (other.revision ?? 0) ||
    Number(one.operation === 'remove') - Number(other.operation === 'remove')
  )
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : 0)} ms`
}
