/** Why a store gives no answer, for whoever has to tell people: it is away, or it has never heard of the lane. */

export const storeNames = ['postgresql', 'log', 'redis', 'elasticsearch', 'clickhouse'] as const
export type StoreName = (typeof storeNames)[number]
export type DerivedStoreName = Exclude<StoreName, 'postgresql' | 'log'>

/** The store does not answer, or not in time. Asking again later may help. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly store: StoreName

  constructor(store: StoreName, cause: unknown) {
    super(Error.isError(cause) ? cause.message || cause.name : String(cause), { cause })
    this.store = store
  }
}

/** The store answers, and has nothing of that lane: nobody has set it up. */
export class LaneOff extends Error {
  override readonly name = 'LaneOff'
  readonly lane: string

  constructor(lane: string, cause: unknown) {
    super(`nothing of lane ${lane} is there`, { cause })
    this.lane = lane
  }
}
