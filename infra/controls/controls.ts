/**
 * What can be done to a running laboratory from the page: load on a lane, and one fault at a time of each component and link.
 *
 * Invariants: nothing lasts for ever: a load ends after `loadMaxMs`, or with this process; a fault is undone after `faultMaxMs`.
 * (Where this process ends before, `make up` mends what is broken, and `make down` stops what stands still.) Of what is hurt
 * already, nothing more is broken. Everything that was done is in the log, oldest first, at most `logMax` entries.
 */
import { z } from 'zod'
import type { ControlsState, Mark, Skew } from '../../services/dashboard/src/controls-state.ts'
import { laneNames, type LaneName } from '../../services/dashboard/src/lanes.ts'
import type { Lab } from '../native/src/lab.ts'
import { links as allLinks, type LinkName } from '../native/src/links.ts'
import type { ComponentName } from '../native/src/topology.ts'
import { slowMs, type Links } from './links.ts'
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

const breakable: readonly LinkName[] = allLinks.map(({ name }) => name)

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
  z.strictObject({ action: z.enum(['cut', 'slow']), link: z.enum(breakable) }),
  z.strictObject({ action: z.literal('undo'), of: z.enum([...mortal, ...breakable]) }),
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
  /** Undefined where services reach the stores without anything in between. */
  readonly links: Links | undefined
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

type Kind = ControlsState['faults'][number]['kind']
interface Fault {
  readonly kind: Kind
  readonly untilMs: number
  readonly timer: NodeJS.Timeout | undefined
  /** Undefined for what ends by itself. */
  readonly undo: (() => Promise<void>) | undefined
  /** For the log. */
  readonly undone: string
}
/** Names of components and of links; no name is both. */
type Subject = Mortal | LinkName

export function createControls({
  lab,
  links,
  startLoad,
  baseUrls,
  onFailure,
  now = Date.now,
  loadMaxMs = 600_000,
  faultMaxMs = 60_000,
}: ControlsOptions): Controls {
  const loads = new Map<LaneName, ControlsState['loads'][number] & { readonly running: RunningLoad }>()
  const faults = new Map<Subject, Fault>()
  const log: Mark[] = []

  const note = (text: string): void => {
    log.push({ atMs: now(), text })
    if (log.length > logMax) log.shift()
  }

  const undo = async (of: Subject, why: string): Promise<void> => {
    const fault = faults.get(of)
    if (fault?.undo === undefined) throw new NotNow(`Nothing is wrong with ${of} that can be undone.`)
    await fault.undo()
    clearTimeout(fault.timer)
    faults.delete(of)
    note(`${fault.undone}${why}`)
  }

  /** Another command may be at work on the laboratory at this very moment. */
  const undoInTime = (of: Subject, triesLeft = undoTriesMax): void => {
    undo(of, ', as its time was up').catch((error: unknown) => {
      if (error instanceof NotNow) return
      if (triesLeft === 0) onFailure(error)
      else setTimeout(undoInTime, undoAgainMs, of, triesLeft - 1)
    })
  }

  const hurt = async (
    of: Subject,
    kind: Kind,
    harm: () => Promise<void>,
    ending?: { readonly undo: () => Promise<void>; readonly undone: string },
  ): Promise<void> => {
    const known = faults.get(of)
    if (known !== undefined) throw new NotNow(`${of} is ${known.kind} already. Undo that first.`)
    const timer = ending === undefined ? undefined : setTimeout(undoInTime, faultMaxMs, of)
    faults.set(of, { kind, untilMs: now() + faultMaxMs, timer, undo: ending?.undo, undone: ending?.undone ?? '' })
    try {
      await harm()
    } catch (error) {
      clearTimeout(timer)
      faults.delete(of)
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
      faults: [...faults].map(([of, { kind, untilMs }]) => ({ of, kind, untilMs })),
      log: [...log],
      components: mortal,
      links: links === undefined ? [] : allLinks.map(({ name, from, to }) => ({ name, from, to })),
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
          await hurt(action.component, 'killed', () => lab.kill(action.component), {
            undo: () => lab.start([action.component]),
            undone: `${action.component} is started again`,
          })
          note(`kill -9 of ${action.component}`)
          return
        case 'pause':
          await hurt(action.component, 'paused', () => lab.pause(action.component), {
            undo: () => lab.resume(action.component),
            undone: `${action.component} goes on`,
          })
          note(`${action.component} stands still`)
          return
        case 'restart':
          note(`${action.component} is restarted`)
          await hurt(action.component, 'restarting', () => lab.restart(action.component))
          faults.delete(action.component)
          note(`${action.component} is ready again`)
          return
        case 'cut':
        case 'slow': {
          const { action: harm, link } = action
          if (links === undefined) throw new NotNow('There are no links to break: LINKS is direct in the settings.')
          await hurt(link, harm, () => links[harm](link), {
            undo: () => links.mend(link),
            undone: `the link ${link} is mended`,
          })
          note(
            harm === 'cut'
              ? `the link ${link} is cut`
              : `the link ${link} is slow: ${slowMs.latency} ms more for each answer`,
          )
          return
        }
        case 'undo':
          await undo(action.of, '')
      }
    },

    close: async () => {
      for (const { timer } of faults.values()) clearTimeout(timer)
      for (const { running } of loads.values()) running.stop()
      await Promise.all([...loads.values()].map(({ running }) => running.ended))
    },
  }
}
