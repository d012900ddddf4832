/** What goes wrong, as data: one phase after another, the same for every strategy. */
import type { DerivedStoreName } from '../../services/orders/src/derived-stores/derived-store.ts'
import type { ProxyFault } from '../laboratory/proxy.ts'

export const phases = ['nothing fails', 'kill -9', 'store unreachable', 'answer lost', 'request late'] as const
export type Phase = (typeof phases)[number]

/** Longer than a service waits for a store (2 s), so that it has given up, and perhaps gone on, when the write lands. */
export const lateMs = 5_000

/** Per packet of a request or an answer. */
const probability = 0.1

export const unreachable: ProxyFault = { kind: 'unreachable' }

/** The fault of the way to a store during the whole phase; in the other phases it is injected by other means. */
export function lastingFaultOf(phase: Phase | 'warm-up', store: DerivedStoreName): ProxyFault | undefined {
  switch (phase) {
    case 'warm-up':
    case 'nothing fails':
    case 'kill -9':
    case 'store unreachable':
      return undefined
    case 'answer lost':
      return { kind: 'answer-lost', probability }
    case 'request late':
      // Redis has one connection from each process: nothing overtakes a late request there, it only holds up the rest.
      return store === 'redis' ? undefined : { kind: 'request-late', probability, delayMs: lateMs }
  }
}

/** Of each strategy in each phase; fewer say too little. */
export const requestsMin = 40

export interface Durations {
  readonly phaseMs: number
  /** How much longer a phase may last until every strategy has had its requests. */
  readonly extraMsMax: number
  /** As `requestsMin`, for the phase "request late": few of its writes come to rest behind a newer one. */
  readonly lateRequestsMin: number
  /** In each, a process of every strategy dies. */
  readonly killRounds: number
  /** Whether those of one round die one after another, or all within the same moments. */
  readonly deaths: 'in turn' | 'together'
  /** Between two deaths, on average. */
  readonly betweenDeathsMs: number
  /** Of each store, one after another. */
  readonly unreachableMs: number
  readonly betweenOutagesMs: number
}

/**
 * Behind the log there are up to five processes that can die: in a full run, each of them does. A quick run waits for all of
 * a round at once until they are back, a sink until its group has given up the one that was killed.
 */
export function durationsOf(quick: boolean): Durations {
  return quick
    ? {
        ...{ phaseMs: 3_000, extraMsMax: 40_000, lateRequestsMin: 100 },
        ...{ killRounds: 2, deaths: 'together', betweenDeathsMs: 1_000 },
        ...{ unreachableMs: 1_200, betweenOutagesMs: 800 },
      }
    : {
        ...{ phaseMs: 15_000, extraMsMax: 30_000, lateRequestsMin: requestsMin },
        ...{ killRounds: 5, deaths: 'in turn', betweenDeathsMs: 200 },
        ...{ unreachableMs: 4_000, betweenOutagesMs: 2_500 },
      }
}
