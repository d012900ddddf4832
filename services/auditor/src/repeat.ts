/** The same piece of work again and again, one after the other, until it is stopped. */
export interface Repetition {
  /** Lets the work in progress end, and starts no other. */
  stop(): Promise<void>
}

/** `intervalMs` is from the end of one to the start of the next; after `onFailure` there is no next. */
export function repeat(
  work: () => Promise<void>,
  options: { readonly intervalMs: number; readonly onFailure: (error: unknown) => void },
): Repetition {
  const stopping = new AbortController()
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await work()
      await pause(options.intervalMs, stopping.signal)
    }
  }
  const ended = loop().catch(options.onFailure)
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
