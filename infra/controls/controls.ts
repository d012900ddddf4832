/**
 * What can be done to a running laboratory from the page: load on a lane, and faults of one component at a time each.
 *
 * Invariants: nothing lasts for ever: a load ends after `loadMaxMs`, or with this process; a fault is undone after `faultMaxMs`.
 * (Where this process ends before, `make up` mends what is broken, and `make down` stops what stands still.) Of a component that
 * is hurt already, nothing more is broken. Everything that was done is in the log, oldest first, at most `logMax` entries.
 */
import { z } from 'zod'
import type { ControlsState, Mark, Skew } from '../../services/dashboard/src/controls-state.ts'
import { laneNames, type LaneName } from '../../services/dashboard/src/lanes.ts'
import type { Lab } from '../native/src/lab.ts'
import type { ComponentName } from '../native/src/topology.ts'
import { skews, type LoadOptions, type RunningLoad } from './load.ts'

/** Not the controls themselves, nor who watches: a page that goes blind shows nothing. */
export const mortal = [
  'redis',
  'elasticsearch',
  'clickhouse',
  'kafka',
  'connect',
  'cache-updater',
  'search-indexer',
  'warehouse-loader',
  'orders-cdc-1',
  'orders-cdc-2',
  'orders-dual-write-1',
  'orders-dual-write-2',
] as const satisfies readonly ComponentName[]
export type Mortal = (typeof mortal)[number]

export const rateMax = 300

export const actionSchema = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('start-load'),
    lane: z.enum(laneNames),
    ratePerSecond: z.int().min(1).max(rateMax),
    skew: z.enum(Object.keys(skews) as [Skew, ...Skew[]]),
  }),
  z.strictObject({ action: z.literal('stop-load'), lane: z.enum(laneNames) }),
  z.strictObject({ action: z.enum(['kill', 'pause', 'restart']), component: z.enum(mortal) }),
  z.strictObject({ action: z.literal('undo'), component: z.enum(mortal) }),
])
export type Action = z.output<typeof actionSchema>

/** What was asked for cannot be done as things are now. */
export class NotNow extends Error {
  override readonly name = 'NotNow'
}

export interface Controls {
  state(): ControlsState
  /** Resolves when it is done. @throws {NotNow} */
  act(action: Action): Promise<void>
  /** Ends every load; resolves when no request is under way. */
  close(): Promise<void>
}

export interface ControlsOptions {
  readonly lab: Pick<Lab, 'kill' | 'pause' | 'resume' | 'restart' | 'start'>
  readonly startLoad: (options: LoadOptions) => RunningLoad
  readonly baseUrls: (lane: LaneName) => readonly string[]
  /** Hears of a fault that could not be undone. */
  readonly onFailure: (error: unknown) => void
  readonly now?: () => number
  readonly loadMaxMs?: number
  readonly faultMaxMs?: number
}

const logMax = 100
const undoAgainMs = 1_000
const undoTriesMax = 60

interface Fault {
  readonly kind: ControlsState['faults'][number]['kind']
  readonly untilMs: number
  readonly timer: NodeJS.Timeout | undefined
}

export function createControls({
  lab,
  startLoad,
  baseUrls,
  onFailure,
  now = Date.now,
  loadMaxMs = 600_000,
  faultMaxMs = 60_000,
}: ControlsOptions): Controls {
  const loads = new Map<LaneName, ControlsState['loads'][number] & { readonly running: RunningLoad }>()
  const faults = new Map<Mortal, Fault>()
  const log: Mark[] = []

  const note = (text: string): void => {
    log.push({ atMs: now(), text })
    if (log.length > logMax) log.shift()
  }

  const undo = async (component: Mortal, why: string): Promise<void> => {
    const fault = faults.get(component)
    if (fault === undefined || fault.kind === 'restarting') throw new NotNow(`Nothing is wrong with ${component}.`)
    if (fault.kind === 'paused') await lab.resume(component)
    else await lab.start([component])
    clearTimeout(fault.timer)
    faults.delete(component)
    note(fault.kind === 'paused' ? `${component} goes on${why}` : `${component} is started again${why}`)
  }

  /** Another command may be at work on the laboratory at this very moment. */
  const undoInTime = (component: Mortal, triesLeft = undoTriesMax): void => {
    undo(component, ', as its time was up').catch((error: unknown) => {
      if (error instanceof NotNow) return
      if (triesLeft === 0) onFailure(error)
      else setTimeout(undoInTime, undoAgainMs, component, triesLeft - 1)
    })
  }

  const hurt = async (component: Mortal, kind: Fault['kind'], harm: () => Promise<void>): Promise<void> => {
    const known = faults.get(component)
    if (known !== undefined) throw new NotNow(`${component} is ${known.kind} already. Undo that first.`)
    const timer = kind === 'restarting' ? undefined : setTimeout(undoInTime, faultMaxMs, component)
    faults.set(component, { kind, untilMs: now() + faultMaxMs, timer })
    try {
      await harm()
    } catch (error) {
      clearTimeout(timer)
      faults.delete(component)
      throw error
    }
  }

  return {
    state: () => ({
      loads: [...loads.values()].map(({ lane, ratePerSecond, skew, untilMs }) => ({
        lane,
        ratePerSecond,
        skew,
        untilMs,
      })),
      faults: [...faults].map(([component, { kind, untilMs }]) => ({ component, kind, untilMs })),
      log: [...log],
      components: mortal,
      rateMax,
    }),

    act: async (action) => {
      switch (action.action) {
        case 'start-load': {
          const { lane, ratePerSecond, skew } = action
          if (loads.has(lane)) throw new NotNow(`There is load on ${lane} already. Stop it first.`)
          const running = startLoad({ baseUrls: baseUrls(lane), ratePerSecond, skew, durationMs: loadMaxMs })
          loads.set(lane, { lane, ratePerSecond, skew, untilMs: now() + loadMaxMs, running })
          note(`load on ${lane}: ${ratePerSecond} changes a second, ${skew} keys`)
          running.ended.then(() => {
            loads.delete(lane)
            note(`the load on ${lane} has ended`)
          }, onFailure)
          return
        }
        case 'stop-load': {
          const load = loads.get(action.lane)
          if (load === undefined) throw new NotNow(`There is no load on ${action.lane}.`)
          load.running.stop()
          await load.running.ended
          return
        }
        case 'kill':
          await hurt(action.component, 'killed', () => lab.kill(action.component))
          note(`kill -9 of ${action.component}`)
          return
        case 'pause':
          await hurt(action.component, 'paused', () => lab.pause(action.component))
          note(`${action.component} stands still`)
          return
        case 'restart':
          note(`${action.component} is restarted`)
          await hurt(action.component, 'restarting', () => lab.restart(action.component))
          faults.delete(action.component)
          note(`${action.component} is ready again`)
          return
        case 'undo':
          await undo(action.component, '')
      }
    },

    close: async () => {
      for (const { timer } of faults.values()) clearTimeout(timer)
      for (const { running } of loads.values()) running.stop()
      await Promise.all([...loads.values()].map(({ running }) => running.ended))
    },
  }
}
