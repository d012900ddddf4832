/**
 * The keys of one lane that changed and have not been judged since, each with the stores that are still to be judged.
 *
 * Invariant: bounded by `keysMax`; past it the oldest is let go and counted, and the sweep of the whole lane is what will
 * see it. It asks nothing and knows no clock: times are the database's, given by the caller.
 */
export interface WaitingKeys {
  /** The key changed: every store is to be judged, from `dueMs` on. An earlier change of it is superseded. */
  add(key: string, dueMs: number): void
  /** Keys whose time has come, those that waited longest first; they stay until they are `done`. */
  due(nowMs: number, max: number): ReadonlyMap<string, ReadonlySet<string>>
  done(key: string, store: string): void
  /** It moved while it was looked at, or could not be seen: it is looked at once more, after the others. */
  again(key: string): void
  looksOf(key: string): number
  readonly size: number
  /** How many were let go, ever. */
  readonly letGo: number
}

interface Waiting {
  readonly dueMs: number
  readonly stores: Set<string>
  looks: number
}

export function createWaitingKeys(stores: readonly string[], options: { readonly keysMax: number }): WaitingKeys {
  const keys = new Map<string, Waiting>()
  let letGo = 0
  const toTheEnd = (key: string, waiting: Waiting): void => {
    keys.delete(key)
    keys.set(key, waiting)
  }
  return {
    add: (key, dueMs) => {
      toTheEnd(key, { dueMs, stores: new Set(stores), looks: 0 })
      if (keys.size <= options.keysMax) return
      const [oldest] = keys.keys()
      if (oldest !== undefined) keys.delete(oldest)
      letGo += 1
    },
    due: (nowMs, max) => {
      const due = new Map<string, ReadonlySet<string>>()
      for (const [key, { dueMs, stores: open }] of keys) {
        if (due.size >= max) break
        if (dueMs <= nowMs) due.set(key, new Set(open))
      }
      return due
    },
    done: (key, store) => {
      const waiting = keys.get(key)
      if (waiting === undefined) return
      waiting.stores.delete(store)
      if (waiting.stores.size === 0) keys.delete(key)
    },
    again: (key) => {
      const waiting = keys.get(key)
      if (waiting === undefined) return
      waiting.looks += 1
      toTheEnd(key, waiting)
    },
    looksOf: (key) => keys.get(key)?.looks ?? 0,
    get size() {
      return keys.size
    },
    get letGo() {
      return letGo
    },
  }
}
