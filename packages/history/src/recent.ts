/**
 * The newest entries of each key, in memory, for whoever asks what just happened to one of them.
 *
 * Invariant: at most `keysMax` keys with at most `entriesMax` entries each. Of one more key, the one that was left alone
 * for longest goes, and of one more entry the key's oldest; nothing says that there never was any.
 */
export interface RecentHistory<Entry> {
  /** Entries may still be completed by whoever recorded them. */
  record(key: string, entry: Entry): void
  /** Oldest first; none when nothing is remembered of this key. */
  of(key: string): readonly Entry[]
}

export function recentHistory<Entry>(bounds: {
  readonly keysMax: number
  readonly entriesMax: number
}): RecentHistory<Entry> {
  /** In the order in which they were last written. */
  const keys = new Map<string, Entry[]>()
  return {
    record: (key, entry) => {
      const entries = keys.get(key) ?? []
      entries.push(entry)
      if (entries.length > bounds.entriesMax) entries.shift()
      keys.delete(key)
      keys.set(key, entries)
      const [oldest] = keys.keys()
      if (keys.size > bounds.keysMax && oldest !== undefined) keys.delete(oldest)
    },
    of: (key) => keys.get(key) ?? [],
  }
}
