/**
 * Watches the log between the source and the stores, a look every few seconds, whether an audit runs or not: what the
 * replication slot makes the source keep, and how far each sink's consumer group is behind.
 *
 * It looks from outside, because a sink that is dead or paused measures no lag of its own any more. Invariant: the
 * gauges show the last look. What it could not see shows as slot state `unknown`, or not at all, and never as it was
 * before.
 */
import { repeat, type Metrics, type Repetition } from '@driftlab/service'
import { Gauge } from 'prom-client'
import type { AuditOptions } from './audit.ts'
import { openKafka, type ChangeLog } from './log.ts'
import { openPostgres, type PostgresSource, type SlotState } from './sources/postgres.ts'
import type { LaneSpecification } from './specification.ts'

const shownSlotStates = ['active', 'inactive', 'lost', 'absent', 'unknown'] as const
type ShownSlotState = (typeof shownSlotStates)[number]

export interface WatchOptions extends Pick<AuditOptions, 'specification' | 'connections'> {
  readonly lanes: readonly string[]
  readonly intervalMs: number
  /** How long one question may take. */
  readonly timeoutMs: number
  readonly metrics: Metrics
  /** Hears what could not be seen, once, and again when that changes. */
  readonly onDoubt: (doubt: string) => void
  readonly onFailure: (error: unknown) => void
}

interface WatchedLane {
  readonly lane: string
  readonly settles: Extract<LaneSpecification['settles'], { kind: 'log' }>
  /** That which feeds the topic, if there is one. */
  readonly slot: { readonly name: string; readonly source: PostgresSource } | undefined
}

export function startWatch(options: WatchOptions): Repetition {
  const { specification, connections, timeoutMs } = options
  const gauges = createGauges(options.metrics)
  const watched = options.lanes.flatMap((lane): readonly WatchedLane[] => {
    const found = specification.lanes[lane]
    if (found?.settles.kind !== 'log') return []
    const { table, settles } = found
    const slot =
      table === undefined || settles.slot === undefined || connections.postgresUrl === undefined
        ? undefined
        : {
            name: settles.slot,
            source: openPostgres(connections.postgresUrl, specification.record, { table }, { timeoutMs }),
          }
    return [{ lane, settles, slot }]
  })
  let log: ChangeLog | undefined
  let lastDoubt = ''

  const lookAtSlot = async ({ lane, slot }: WatchedLane): Promise<void> => {
    if (slot === undefined) return
    let state: SlotState | undefined
    try {
      state = await slot.source.slot(slot.name)
    } finally {
      gauges.showSlot({ lane, slot: slot.name }, state)
    }
  }

  const lookAtGroups = async ({ lane, settles }: WatchedLane): Promise<void> => {
    const lags = new Map<string, number>()
    try {
      log ??= await openKafka(connections.kafkaBrokers ?? [], { timeoutMs })
      const ends = await log.ends(settles.topic)
      for (const { group } of Object.values(settles.sinks)) {
        lags.set(group, await log.recordsBehind(group, settles.topic, ends))
      }
    } catch (error) {
      // A connection that failed is not asked again: the next look makes a new one.
      await log?.close().catch(() => undefined)
      log = undefined
      throw error
    } finally {
      for (const [store, { group }] of Object.entries(settles.sinks)) {
        gauges.showLag({ lane, store, group }, lags.get(group))
      }
    }
  }

  const look = async (): Promise<void> => {
    const doubts: string[] = []
    for (const lane of watched) {
      for (const result of await Promise.allSettled([lookAtSlot(lane), lookAtGroups(lane)])) {
        if (result.status === 'rejected') doubts.push(`${lane.lane}: ${String(result.reason)}`)
      }
    }
    const doubt = doubts.join('; ')
    if (doubt !== '' && doubt !== lastDoubt) options.onDoubt(doubt)
    lastDoubt = doubt
  }

  const repetition = repeat(look, options)
  return {
    stop: async () => {
      await repetition.stop()
      await Promise.allSettled([log?.close(), ...watched.map(({ slot }) => slot?.source.close())])
    },
  }
}

function createGauges({ registry }: Metrics) {
  const registers = [registry]
  const state = new Gauge({
    name: 'driftlab_slot_state',
    help: '1 for the state of the replication slot that feeds a lane, 0 for the others; unknown: it could not be seen',
    labelNames: ['lane', 'slot', 'state'],
    registers,
  })
  const retained = new Gauge({
    name: 'driftlab_slot_retained_wal_bytes',
    help: 'Write-ahead log that the source keeps because of the replication slot',
    labelNames: ['lane', 'slot'],
    registers,
  })
  const unconfirmed = new Gauge({
    name: 'driftlab_slot_unconfirmed_wal_bytes',
    help: "From the end of the write-ahead log back to what the slot's consumer has confirmed",
    labelNames: ['lane', 'slot'],
    registers,
  })
  const lag = new Gauge({
    name: 'driftlab_group_lag_records',
    help: "Offsets, transaction markers among them, that a sink's consumer group has yet to commit",
    labelNames: ['lane', 'store', 'group'],
    registers,
  })
  return {
    showSlot: (labels: { readonly lane: string; readonly slot: string }, slot: SlotState | undefined) => {
      const shown = shownState(slot)
      for (const name of shownSlotStates) state.set({ ...labels, state: name }, Number(name === shown))
      if (slot?.state === 'present') {
        retained.set(labels, slot.retainedBytes)
        unconfirmed.set(labels, slot.unconfirmedBytes)
      } else {
        retained.remove(labels)
        unconfirmed.remove(labels)
      }
    },
    showLag: (
      labels: { readonly lane: string; readonly store: string; readonly group: string },
      records: number | undefined,
    ) => {
      if (records === undefined) lag.remove(labels)
      else lag.set(labels, records)
    },
  }
}

function shownState(slot: SlotState | undefined): ShownSlotState {
  switch (slot?.state) {
    case undefined:
      return 'unknown'
    case 'present':
      return slot.active ? 'active' : 'inactive'
    case 'lost':
    case 'absent':
      return slot.state
  }
}
