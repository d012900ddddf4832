/**
 * What the controls say of themselves, as data: infra/controls makes it, the page shows it. Types only.
 */
import type { LaneName } from './lanes.ts'

/** How much busier the busy orders of a load are. */
export type Skew = 'even' | 'usual' | 'hot'

export interface ControlsState {
  readonly loads: readonly {
    readonly lane: LaneName
    readonly ratePerSecond: number
    readonly skew: Skew
    readonly untilMs: number
  }[]
  readonly faults: readonly {
    /** The component or the link that is hurt. */
    readonly of: string
    readonly kind: 'killed' | 'paused' | 'restarting' | 'cut' | 'slow'
    readonly untilMs: number
  }[]
  /** Oldest first. */
  readonly log: readonly Mark[]
  /** What may be broken. */
  readonly components: readonly string[]
  /** Between a service and a store; none where nothing stands in between. */
  readonly links: readonly { readonly name: string; readonly from: string; readonly to: string }[]
  readonly rateMax: number
}

/** Something that was done. */
export interface Mark {
  readonly atMs: number
  readonly text: string
}
