/** The same piece of work again and again, one after the other, until it is stopped. */
export interface Repetition {
  /** Lets the work in progress end, and starts no other. */
  stop(): Promise<void>
}

export interface RepeatOptions {
  readonly intervalMs: number
  /** Whether the interval counts from the end of one, which is usual, or from its start; never two at once. */
  readonly from?: 'start' | 'end'
  readonly onFailure: (error: unknown) => void
}

/** After `onFailure` there is no next. */
export function repeat(work: () => Promise<void>, { intervalMs, from = 'end', onFailure }: RepeatOptions): Repetition {
  const stopping = new AbortController()
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const beganMs = performance.now()
      await work()
      const spentMs = from === 'start' ? performance.now() - beganMs : 0
      await pause(Math.max(0, intervalMs - spentMs), stopping.signal)
    }
  }
  const ended = loop().catch(onFailure)
  return {
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  const done = Promise.withResolvers<undefined>()
  const finish = (): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', finish)
    done.resolve(undefined)
  }
  const timer = setTimeout(finish, durationMs)
  signal.addEventListener('abort', finish)
  return done.promise
}
