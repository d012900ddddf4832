/** Resolves what is in doubt when the process starts, and from then on what a cut connection leaves. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Coordinator } from './coordinator.ts'

export interface Recovery {
  /** @throws until all that was in doubt at the start has been ended. */
  check(): Promise<void>
  stop(): Promise<void>
}

/** `onTrouble` hears of each attempt that failed; the next one comes by itself. */
export function startRecovery(
  coordinator: Pick<Coordinator, 'resolve'>,
  options: { readonly intervalMs: number; readonly onTrouble: (error: unknown) => void },
): Recovery {
  const stopping = new AbortController()
  let recovered = false
  const running = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await coordinator.resolve()
        recovered = true
      } catch (error) {
        options.onTrouble(error)
      }
      await delay(options.intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  })()
  return {
    check: () =>
      recovered ? Promise.resolve() : Promise.reject(new Error('transactions of an earlier process are in doubt')),
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}
