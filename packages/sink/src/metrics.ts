/**
 * What a sink measures. Every series whose labels are known beforehand is there from the start, at 0: a rate sees a
 * counter rise from 0 to 1, and not its first appearance at 1.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { parkedReasons, type ParkedReason } from './plan.ts'

const sinkStates = ['starting', 'running', 'paused', 'draining', 'failed'] as const
export type SinkState = (typeof sinkStates)[number]

export interface SinkMetrics {
  readonly applied: Counter
  readonly stale: Counter
  readonly countParked: (reason: ParkedReason) => void
  readonly retries: Counter
  readonly lagRecords: Gauge<'topic' | 'partition'>
  readonly lagMs: Gauge<'topic' | 'partition'>
  readonly commitToVisibleMs: Histogram
  readonly showState: (state: SinkState) => void
}

export function createSinkMetrics(registry: Registry): SinkMetrics {
  const registers = [registry]
  const position = ['topic', 'partition'] as const
  const parked = new Counter({
    name: 'sink_changes_parked_total',
    help: 'Poison records set aside in the dead-letter topic',
    labelNames: ['reason'],
    registers,
  })
  for (const reason of parkedReasons) parked.inc({ reason }, 0)
  const states = new Gauge({
    name: 'sink_state',
    help: '1 for the state that the sink is in, 0 for the others',
    labelNames: ['state'],
    registers,
  })
  return {
    countParked: (reason) => {
      parked.inc({ reason })
    },
    showState: (state) => {
      for (const name of sinkStates) states.set({ state: name }, Number(name === state))
    },
    applied: new Counter({
      name: 'sink_changes_applied_total',
      help: 'Changes that the store acknowledged, those superseded within their batch included',
      registers,
    }),
    stale: new Counter({
      name: 'sink_changes_stale_total',
      help: 'Operations that changed nothing, because the store had their version or a newer one',
      registers,
    }),
    retries: new Counter({
      name: 'sink_retries_total',
      help: 'Batches put off because the store was unavailable',
      registers,
    }),
    lagRecords: new Gauge({
      name: 'sink_lag_records',
      help: 'Offsets between the end of the partition and what is applied',
      labelNames: position,
      registers,
    }),
    lagMs: new Gauge({
      name: 'sink_lag_ms',
      help: 'Age of the newest applied change while the partition has more to read; 0 when it has not',
      labelNames: position,
      registers,
    }),
    commitToVisibleMs: new Histogram({
      name: 'sink_commit_to_visible_ms',
      help: 'From the commit in the system of record to the acknowledgement of the store',
      buckets: [
        1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
      ],
      registers,
    }),
  }
}
