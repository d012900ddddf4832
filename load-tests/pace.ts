/** An open model of load: things begin at fixed times, so that a slow moment is seen and not waited for. */
import { setTimeout as delay } from 'node:timers/promises'

export interface Pace {
  readonly ratePerSecond: number
  readonly forMs: number
  /** Ends it before its time. */
  readonly signal?: AbortSignal
}

/**
 * Calls `begin` at each of the times, whatever the calls before have started. Resolves when the last has been made.
 *
 * @param begin `number` counts from 0; `dueMs` is when it was due, by performance.now().
 */
export async function atFixedTimes(
  { ratePerSecond, forMs, signal }: Pace,
  begin: (number: number, dueMs: number) => void,
): Promise<void> {
  const startedAt = performance.now()
  for (let number = 0; number < (forMs * ratePerSecond) / 1_000; number += 1) {
    const dueMs = startedAt + (number * 1_000) / ratePerSecond
    const waitMs = dueMs - performance.now()
    if (waitMs > 1) {
      await delay(waitMs, undefined, { signal }).catch((error: unknown) => {
        if (signal?.aborted !== true) throw error
      })
    }
    if (signal?.aborted === true) return
    begin(number, dueMs)
  }
}
