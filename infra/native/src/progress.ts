/** Shows several things going on at once: a live list on a terminal, plain lines elsewhere. */
import { Listr } from 'listr2'
import type { Progress } from './lab.ts'

export interface Track {
  /** What it is doing now. */
  update(text: string): void
  succeed(text: string): void
  fail(text: string): void
}

export interface Board {
  track(name: string): Track
  /** Resolves when everything has been drawn. */
  close(): Promise<void>
}

/** All names must be known beforehand, so that the list does not jump. */
export function openBoard(names: readonly string[], out: NodeJS.WriteStream = process.stdout): Board {
  return out.isTTY ? liveBoard(names) : plainBoard(names, out)
}

const quietIntervalMs = 10_000

function plainBoard(names: readonly string[], out: NodeJS.WriteStream): Board {
  const width = Math.max(0, ...names.map(({ length }) => length))
  return {
    track(name) {
      const say = (text: string): void => {
        out.write(`${name.padEnd(width)}  ${text}\n`)
      }
      let saidAt = 0
      return {
        // A build prints hundreds of lines; one now and then shows that it is alive.
        update(text) {
          if (Date.now() - saidAt < quietIntervalMs) return
          saidAt = Date.now()
          say(text)
        },
        succeed: say,
        fail(text) {
          say(`FAILED: ${text}`)
        },
      }
    },
    close: () => Promise.resolve(),
  }
}

function liveBoard(names: readonly string[]): Board {
  const width = Math.max(0, ...names.map(({ length }) => length))
  const tracks = new Map<string, Track>()
  const endings: (() => void)[] = []
  const list = new Listr(
    names.map((name) => {
      const ending = Promise.withResolvers<undefined>()
      endings.push(() => {
        ending.resolve(undefined)
      })
      return {
        title: name,
        task: (_context: unknown, task: { title: string; output: string }) => {
          const show = (text: string): void => {
            task.title = `${name.padEnd(width)}  ${text}`
          }
          tracks.set(name, {
            update: show,
            succeed(text) {
              show(text)
              ending.resolve(undefined)
            },
            fail(text) {
              show(text)
              ending.reject(new Error(text))
            },
          })
          return ending.promise
        },
      }
    }),
    {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      rendererOptions: { showErrorMessage: false, collapseErrors: true },
    },
  )
  const drawn = list.run()
  return {
    track: (name) => ({
      update: (text) => tracks.get(name)?.update(text),
      succeed: (text) => tracks.get(name)?.succeed(text),
      fail: (text) => tracks.get(name)?.fail(text),
    }),
    async close() {
      for (const end of endings) end()
      await drawn
    },
  }
}

/** Puts one progress report of a component on its track. */
export function showProgress(track: Track, progress: Progress): void {
  switch (progress.step) {
    case 'waiting':
    case 'preparing':
    case 'starting':
    case 'stopping':
      track.update(progress.step)
      return
    case 'adopted':
      track.update('is running already')
      return
    case 'ready':
    case 'done':
      track.succeed(`${progress.step} (${(progress.durationMs / 1000).toFixed(1)} s)`)
      return
    case 'stopped':
      track.succeed('stopped')
      return
    case 'failed':
      track.fail(progress.why)
      return
  }
}
