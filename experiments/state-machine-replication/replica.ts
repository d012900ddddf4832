/** A replica: a machine that reads the log by itself, in batches of its own and at a pace of its own. */
import { setTimeout as delay } from 'node:timers/promises'
import { parseOffset, type Offset } from '@driftlab/change-event'
import { decodeEvent } from '@driftlab/order-events'
import type { EventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import type { Code, EntryOf } from './history.ts'
import { sourcesOf, startMachine, type Snapshot } from './machine.ts'

export interface ReplicaOptions {
  readonly name: string
  readonly code: Code
  /** Of a fetch from a partition. What it brings is taken in batches of at most this many events. */
  readonly fetchBytes: number
  readonly batchSizeMax: number
  /** After each batch, up to this. */
  readonly restMs: number
  readonly onBatch: (batch: EntryOf<'batch'>) => void
}

/** Where a replica stopped, and what it knew. */
export interface Left {
  readonly snapshot: Snapshot
  readonly places: ReadonlyMap<number, Offset>
  readonly applied: number
}

export interface Replica {
  /** Events, with those of before. */
  applied(): number
  /** @throws what its machine failed with. */
  stop(): Promise<Left>
}

export async function startReplica(
  laboratory: Laboratory,
  { log, admin, topics }: EventSourcedLane,
  options: ReplicaOptions,
  from?: Left,
): Promise<Replica> {
  const { name, code } = options
  const machine = startMachine(sourcesOf[code], from?.snapshot)
  const places = new Map(from?.places)
  let applied = from?.applied ?? 0
  let failure: unknown
  // Each reader is a group of its own; it remembers its places itself.
  const groupId = `replica-${crypto.randomUUID()}`
  laboratory.atEnd(() => admin.deleteGroups([groupId]))
  const consumption = await log.consume({
    groupId,
    topics: [topics.events],
    fetch: { minBytes: 1, maxWaitMs: 50, maxBytesPerPartition: options.fetchBytes },
    concurrency: 4,
    beginAt: ({ partition }) => places.get(partition) ?? parseOffset(0),
    onFailure: (error) => {
      failure = error
    },
    onBatch: async ({ partition, records, next }) => {
      for (let from = 0; from < records.length; from += options.batchSizeMax) {
        const batch = records.slice(from, from + options.batchSizeMax)
        const digests = batch.map(({ key, value }) => machine.add(partition, decodeEvent(key, value)))
        applied += batch.length
        options.onBatch({
          ...{ kind: 'batch', replica: name, code, partition },
          ...{ offsets: batch.map(({ offset }) => offset), digests },
        })
        if (options.restMs > 0) await delay(Math.random() * options.restMs)
      }
      places.set(partition, next)
      return 'processed'
    },
  })
  let stopped = false
  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    await consumption.stop()
  }
  laboratory.stopAtEnd(stop)
  const rethrow = (): void => {
    if (failure !== undefined) throw new Error(`${name} has failed`, { cause: failure })
  }
  return {
    applied: () => {
      rethrow()
      return applied
    },
    stop: async () => {
      await stop()
      rethrow()
      return { snapshot: JSON.parse(JSON.stringify(machine.snapshot())) as Snapshot, places, applied }
    },
  }
}
