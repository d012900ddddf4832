/**
 * A state machine that a replica runs: beside each order it keeps when it was placed, whether it is one of those to be
 * looked at by hand, and a number.
 *
 * Invariant: it does with each event what its sources say and nothing else. With sources that know only the log, the state of
 * a partition is a function of the partition. Its digest is a sum over the keys, so that one more event costs one more
 * key, and no order among the keys can come into it.
 */
import { createHash } from 'node:crypto'
import { emptyState, follow, type DomainEvent, type State } from '@driftlab/order-events'
import { canonicalJson, contentOf } from '../laboratory/digest.ts'
import type { Code } from './history.ts'

export interface Sources {
  readonly placedAt: (event: DomainEvent) => string
  /** In [0, 1). */
  readonly draw: (event: DomainEvent) => number
  /** `inPartition`, `inAll`: which of the orders placed it is, as this replica came to hear of them. */
  readonly number: (partition: number, inPartition: number, inAll: number) => string
}

const fromLog: Sources = {
  placedAt: ({ at }) => at,
  draw: ({ hash }) => Number.parseInt(createHash('sha256').update(hash).digest('hex').slice(0, 8), 16) / 2 ** 32,
  number: (partition, inPartition) => `${partition}-${inPartition}`,
}

/** What a replica of each code does otherwise than one that knows the log alone. */
export const sourcesOf: Readonly<Record<Code, Sources>> = {
  'the log alone': fromLog,
  'the clock': { ...fromLog, placedAt: () => new Date().toISOString() },
  'a random number': { ...fromLog, draw: () => Math.random() },
  'the order of arrival': { ...fromLog, number: (_partition, _inPartition, inAll) => `${inAll}` },
}

const lookedAtShare = 0.1

interface Kept {
  readonly state: State
  readonly placedAt: string
  readonly lookedAt: boolean
  readonly number: string
}

/** All that a machine knows, as plain data: one that is started from it goes on where the other stopped. */
export interface Snapshot {
  readonly kept: readonly (readonly [string, Kept])[]
  readonly placed: readonly (readonly [number, number])[]
  /** The sum of each partition's digests, in decimals. */
  readonly sums: readonly (readonly [number, string])[]
}

export interface Machine {
  /** @returns the digest of the state of the partition. */
  add(partition: number, event: DomainEvent): string
  snapshot(): Snapshot
}

const modulus = 2n ** 128n

export function startMachine(sources: Sources, from: Snapshot = { kept: [], placed: [], sums: [] }): Machine {
  const kept = new Map(from.kept)
  const placed = new Map(from.placed)
  const sums = new Map(from.sums.map(([partition, sum]) => [partition, BigInt(sum)]))

  const place = (partition: number, event: DomainEvent): Omit<Kept, 'state'> => {
    const inPartition = (placed.get(partition) ?? 0) + 1
    placed.set(partition, inPartition)
    const inAll = [...placed.values()].reduce((sum, count) => sum + count, 0)
    return {
      placedAt: sources.placedAt(event),
      lookedAt: sources.draw(event) < lookedAtShare,
      number: sources.number(partition, inPartition, inAll),
    }
  }

  return {
    add: (partition, event) => {
      const { key } = event
      const before = kept.get(key)
      const state = follow(before?.state ?? emptyState(key), event)
      const own =
        event.type === 'OrderPlaced'
          ? place(partition, event)
          : (before ?? { placedAt: '', lookedAt: false, number: '' })
      const after = { ...own, state }
      kept.set(key, after)
      const sum = (sums.get(partition) ?? 0n) - weightOf(key, before) + weightOf(key, after)
      sums.set(partition, ((sum % modulus) + modulus) % modulus)
      return (sums.get(partition) ?? 0n).toString(36)
    },
    snapshot: () => ({
      kept: [...kept],
      placed: [...placed],
      sums: [...sums].map(([partition, sum]) => [partition, String(sum)]),
    }),
  }
}

/** Without the chain, which would tell the replicas' events alike and not their states. */
function weightOf(key: string, kept: Kept | undefined): bigint {
  if (kept === undefined) return 0n
  const digest = createHash('sha256')
    .update(canonicalJson([key, { ...kept, state: contentOf(kept.state) }]))
    .digest('hex')
  return BigInt(`0x${digest.slice(0, 32)}`)
}
