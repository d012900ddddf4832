/**
 * Follows every lane that can be followed, a turn a second, and shows as metrics what differs now.
 *
 * Invariant: the gauges show the last turn of each lane; how old that is, they say too.
 */
import { repeat, type Metrics } from '@driftlab/service'
import { Counter, Gauge } from 'prom-client'
import type { AuditedDivergence } from '../audit.ts'
import { divergenceKinds } from '../judge.ts'
import type { AuditReport } from '../report.ts'
import type { Verdict } from '../verdict.ts'
import { followLane, type FollowOptions, type LaneFollower, type LaneNow } from './lane-follower.ts'

export interface Follow {
  /** By lane; a lane whose specification does not say when a row changed is swept only, and not in here. */
  readonly lanes: ReadonlyMap<string, LaneFollower>
  readonly accept: (divergence: AuditedDivergence) => void
  acceptReport(report: AuditReport): void
  stop(): Promise<void>
}

export interface StartOptions extends FollowOptions {
  readonly lanes: readonly string[]
  readonly intervalMs: number
  readonly metrics: Metrics
  readonly onFailure: (error: unknown) => void
}

const verdicts: readonly Verdict[] = ['consistent', 'diverged', 'unknown']

export function startFollowing(options: StartOptions): Follow {
  const { specification } = options
  const show = createGauges(options.metrics)
  const lanes = new Map(
    options.lanes.flatMap((name) => {
      const lane = specification.lanes[name]
      return lane === undefined || specification.record.changedAt === undefined
        ? []
        : [[name, followLane(lane, options)] as const]
    }),
  )
  const repetitions = [...lanes].map(([name, follower]) => {
    show(name, follower.now())
    const turn = async (): Promise<void> => {
      await follower.turn()
      show(name, follower.now())
    }
    return repeat(turn, options)
  })
  return {
    lanes,
    accept: (divergence) => {
      lanes.get(divergence.lane)?.accept(divergence)
    },
    acceptReport: (report) => {
      for (const [name, laneReport] of Object.entries(report.lanes)) lanes.get(name)?.acceptReport(laneReport)
    },
    stop: async () => {
      await Promise.all(repetitions.map((repetition) => repetition.stop()))
      await Promise.all([...lanes.values()].map((follower) => follower.close()))
    },
  }
}

function createGauges({ registry }: Metrics): (lane: string, now: LaneNow) => void {
  const registers = [registry]
  const divergences = new Gauge({
    name: 'driftlab_live_divergences',
    help: 'Keys on which a derived store and the system of record differ now',
    labelNames: ['lane', 'store', 'kind'],
    registers,
  })
  const storeVerdict = new Gauge({
    name: 'driftlab_live_store_verdict',
    help: '1 for what can be said of a store now, 0 for the others',
    labelNames: ['lane', 'store', 'verdict'],
    registers,
  })
  const waiting = new Gauge({
    name: 'driftlab_live_waiting_keys',
    help: 'Keys that changed and have not been judged yet, since a write may still be on its way',
    labelNames: ['lane'],
    registers,
  })
  const letGo = new Counter({
    name: 'driftlab_live_let_go_keys_total',
    help: 'Changed keys that were left to the sweeps because too many waited',
    labelNames: ['lane'],
    registers,
  })
  const looked = new Gauge({
    name: 'driftlab_live_last_timestamp_seconds',
    help: 'When a lane was last looked at, in seconds since 1970',
    labelNames: ['lane'],
    registers,
  })
  const counted = new Map<string, number>()
  return (lane, now) => {
    for (const [store, { verdict, divergences: byKind }] of Object.entries(now.stores)) {
      for (const kind of divergenceKinds) divergences.set({ lane, store, kind }, byKind[kind])
      for (const name of verdicts) storeVerdict.set({ lane, store, verdict: name }, Number(name === verdict))
    }
    waiting.set({ lane }, now.waitingKeys)
    letGo.inc({ lane }, now.letGoKeys - (counted.get(lane) ?? 0))
    counted.set(lane, now.letGoKeys)
    if (now.lookedAtMs !== null) looked.set({ lane }, now.lookedAtMs / 1000)
  }
}
