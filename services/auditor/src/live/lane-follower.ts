/**
 * Follows one lane: judges keys soon after they changed, and keeps the list of those that differ now.
 *
 * A turn asks the source what changed, judges what must have arrived by now (the same second look as an audit's), and
 * looks again at some of what is known to differ. What heals is dropped; so is what has changed in the source since,
 * until it is judged anew.
 *
 * Invariants: nothing is listed that a write on its way could explain; what could not be seen in the last turn is a
 * doubt, and a doubt is never a pass; memory is bounded by the sizes below. It does not see what changes in a store
 * without a change in the source: that is what the sweeps are for, whose finds it takes over.
 */
import type { AuditedDivergence } from '../audit.ts'
import { createDeadLetters, type DeadLetters } from '../dead-letters.ts'
import { fromSource, messageOf, SourceFailure } from '../failure.ts'
import { positionOf, viewsOf, type DivergenceKind, type Held, type SourcePosition } from '../judge.ts'
import { openLaneSource, openLog, openStore, viewOf, type Access } from '../lane-access.ts'
import type { ChangeLog } from '../log.ts'
import type { LaneReport } from '../report.ts'
import {
  chunks,
  judgePart,
  nowhere,
  secondLookSize,
  settle,
  type Eyes,
  type Found,
  type LookOutcomes,
} from '../second-look.ts'
import { createPatience } from '../settle.ts'
import type { ChangedTable, ChangePlace } from '../sources/source.ts'
import type { LaneSpecification } from '../specification.ts'
import type { DerivedStore } from '../stores/derived-store.ts'
import { composeVerdicts, verdictOf, type Verdict } from '../verdict.ts'
import { createDivergenceList, type DivergenceList } from './divergences.ts'
import { describeEvidence } from './evidence.ts'
import { createWaitingKeys } from './waiting.ts'

/** Keys that wait to be judged; about 300 bytes each. */
const waitingMax = 10_000
/** Keys that are known to differ; about 400 bytes each, and about 8 kB more with their evidence. */
const knownMax = 20_000
const evidenceMax = 500
/** Keys that are judged in one turn. */
const judgedMax = 2_000
/** Known keys that are looked at again in one turn, beside those that are new. */
const knownLookSize = 250
const changesPageSize = 1_000
const changesPagesMax = 10
/** A change is visible only after its commit, which may come this long after the time that it carries. */
const commitDelayMs = 2_000
/** How long one wait for the log may take; what has not arrived by then is asked for again in the next turn. */
const settleDeadlineMs = 5_000

export interface FollowOptions extends Access {
  /** How long a store may take to answer one question. */
  readonly timeoutMs: number
}

export interface StoreNow {
  readonly verdict: Verdict
  readonly doubts: readonly string[]
  readonly divergences: Readonly<Record<DivergenceKind, number>>
  readonly divergedKeys: number
}

export interface LaneNow {
  readonly verdict: Verdict
  /** When the last turn ended; null before the first. */
  readonly lookedAtMs: number | null
  readonly stores: Readonly<Record<string, StoreNow>>
  /** Keys that differ in any store. */
  readonly knownKeys: number
  /** More differ than are kept: the counts are a floor. */
  readonly full: boolean
  /** Changed and not judged yet. */
  readonly waitingKeys: number
  /** Changes that were left to the sweeps because too many waited, since the start. */
  readonly letGoKeys: number
}

export interface LaneFollower {
  turn(): Promise<void>
  /** Takes over what a sweep found. */
  accept(divergence: AuditedDivergence): void
  /** A sweep has compared everything. */
  acceptReport(report: LaneReport): void
  readonly list: Pick<DivergenceList, 'newest' | 'find' | 'evidenceOf'>
  now(): LaneNow
  close(): Promise<void>
}

interface Cursor {
  place: ChangePlace
  /** What was read of the stretch that is read again: each key with its revision and time. */
  known: ReadonlyMap<string, string>
}

export function followLane(lane: LaneSpecification, options: FollowOptions): LaneFollower {
  const { specification, timeoutMs } = options
  const storeNames = Object.keys(lane.stores)
  const source = openLaneSource(lane, options, { timeoutMs, onProgress: () => undefined })
  const views = viewsOf(specification, lane)
  const stores = new Map<string, DerivedStore>()
  const waiting = createWaitingKeys(storeNames, { keysMax: waitingMax })
  const list = createDivergenceList({ keysMax: knownMax, evidenceMax })
  const comparedKeys = new Map(storeNames.map((store) => [store, 0]))
  const cursors = new Map<ChangedTable, Cursor>()
  const parkedKeys = new Map<string, ReadonlySet<string>>()
  let log: ChangeLog | undefined
  let deadLetters = new Map<string, DeadLetters>()
  let lookedAtMs: number | null = null
  /** Of the last turn; and of the one that is on, which replaces it. */
  let doubts: ReadonlyMap<string, ReadonlySet<string>> = new Map()
  let rising = new Map<string, Set<string>>()
  let readInTurn = new Set<string>()
  let failedInTurn = new Set<string>()

  const doubt = (store: string, reason: string): void => {
    rising.set(store, (rising.get(store) ?? new Set()).add(reason))
  }

  const readStore = async (store: string, keys: readonly string[]): Promise<ReadonlyMap<string, Held> | undefined> => {
    // Once in a turn is enough to wait for a store that does not answer.
    if (failedInTurn.has(store)) return undefined
    try {
      const derived = stores.get(store) ?? (await openStoreNamed(store))
      stores.set(store, derived)
      const held = await derived.read(keys)
      readInTurn.add(store)
      return held
    } catch (error) {
      failedInTurn.add(store)
      doubt(store, `could not be read: ${messageOf(error)}`)
      return undefined
    }
  }
  const openStoreNamed = (store: string): Promise<DerivedStore> => {
    const found = lane.stores[store]
    if (found === undefined) throw new TypeError(`The lane has no store ${store}`)
    return openStore(found, options, timeoutMs)
  }

  const eyes: Eyes = {
    lane,
    source,
    log: async () => (log ??= await openLog(options, timeoutMs)),
    viewOf: (store) => viewOf(views, store),
    readStore,
  }

  /** A connection that failed is not asked again: the next turn makes a new one. */
  const closeLog = async (): Promise<void> => {
    const failed = log
    log = undefined
    deadLetters = new Map()
    await failed?.close().catch(() => undefined)
  }

  const takeChanges = async (table: ChangedTable, nowMs: number): Promise<void> => {
    const cursor = cursors.get(table) ?? { place: { sinceMs: nowMs - commitDelayMs }, known: new Map<string, string>() }
    const restMs = lane.settles.kind === 'bounded' ? lane.settles.inFlightMaxMs : 0
    const known = new Map<string, string>()
    let { place } = cursor
    for (let page = 0; page < changesPagesMax; page += 1) {
      const changes = await fromSource(source.changes(table, place, changesPageSize))
      for (const { key, revision, at, atMs } of changes) {
        const change = `${revision} ${at}`
        // Later than, not at: the clock of the rows counts whole milliseconds.
        if (cursor.known.get(key) !== change) waiting.add(key, atMs + restMs + 1)
        known.set(key, change)
      }
      const last = changes.at(-1)
      if (last === undefined || changes.length < changesPageSize) {
        place = { sinceMs: nowMs - commitDelayMs }
        break
      }
      place = { at: last.at, key: last.key }
    }
    cursors.set(table, { place, known })
  }

  /** @returns the keys that were found to differ. */
  const judgeDue = async (nowMs: number): Promise<readonly string[]> => {
    // What is fed by a log has its own way to arrive; only of the others is the rest since the change to be waited for.
    const due = waiting.due(lane.settles.kind === 'log' ? Number.POSITIVE_INFINITY : nowMs, judgedMax)
    if (due.size === 0) return []
    const before = await fromSource(source.positions([...due.keys()]))
    const deadlineMs = lane.settles.kind === 'log' ? settleDeadlineMs : 0
    const patience = createPatience({ deadlineMs, onProgress: () => undefined })
    const { settlement, watermark } = await settle(eyes, before, patience)
    if (lane.settles.kind === 'log' && watermark === null) await closeLog()

    const differing: Found[] = []
    const unjudged = new Set<string>()
    const outcomes: LookOutcomes = {
      onFine: (store, key) => {
        countCompared(store, 1)
        waiting.done(key, store)
        list.clear(key, store)
      },
      onDifferent: (found) => {
        countCompared(found.store, 1)
        waiting.done(found.key, found.store)
        differing.push(found)
        return Promise.resolve()
      },
      onAgain: (_store, key) => {
        unjudged.add(key)
      },
      onUnsettled: (store, keys, missing) => {
        for (const key of keys) unjudged.add(key)
        if (missing !== undefined && lane.settles.kind === 'log') doubt(store, missing)
      },
    }
    for (const part of chunks([...due], secondLookSize)) {
      await judgePart(eyes, part, { before, settlement, looksBefore: (key) => waiting.looksOf(key) }, outcomes)
    }
    for (const key of unjudged) waiting.again(key)
    if (differing.length > 0) await readParked()
    for (const { store, key, judgement, source: state } of differing) {
      const kind = isParked(store, key) ? 'parked' : judgement.kind
      list.see({ key, store, kind, source: positionOf(state) }, Date.now())
    }
    return differing.map(({ key }) => key)
  }

  const lookAtKnown = async (keys: readonly string[]): Promise<void> => {
    if (keys.length === 0) return
    const before = await fromSource(source.positions(keys))
    const heldByStore = new Map<string, ReadonlyMap<string, Held> | undefined>()
    for (const store of storeNames) heldByStore.set(store, await readStore(store, keys))
    const after = await fromSource(source.rows(keys))
    for (const key of keys) {
      const known = list.find(key)
      if (known === undefined) continue
      const state = after.get(key) ?? nowhere
      if (!isAt(positionOf(before.get(key) ?? nowhere), known.source) || !isAt(positionOf(state), known.source)) {
        // Whatever changed it is judged when it must have arrived; until then nothing is certain.
        list.forget(key)
        continue
      }
      const evidence = describeEvidence(
        key,
        state,
        storeNames.map((store) => {
          const answer = heldByStore.get(store)
          const held = answer === undefined ? undefined : (answer.get(key) ?? ({ state: 'absent' } as const))
          return { name: store, view: eyes.viewOf(store), held, parked: isParked(store, key) }
        }),
      )
      for (const store of known.stores.keys()) {
        const status = evidence.stores[store]?.status ?? 'unobserved'
        if (status === 'same') list.clear(key, store)
        else if (status !== 'unobserved') list.see({ key, store, kind: status, source: known.source }, Date.now())
      }
      list.setEvidence(key, evidence)
    }
  }

  /** A store that nothing has to be read from is asked all the same: else one that is down would pass for one that agrees. */
  const askTheUnread = async (): Promise<void> => {
    const unread = storeNames.filter((store) => !readInTurn.has(store) && !failedInTurn.has(store))
    if (unread.length === 0) return
    const key = await fromSource(source.lastKey())
    if (key !== null) await Promise.all(unread.map((store) => readStore(store, [key])))
  }

  const readParked = async (): Promise<void> => {
    const { settles } = lane
    if (settles.kind !== 'log') return
    for (const [store, { deadLetters: topic }] of Object.entries(settles.sinks)) {
      if (topic === undefined) continue
      try {
        const letters =
          deadLetters.get(store) ?? createDeadLetters(await eyes.log(), topic, specification.record.key.column)
        deadLetters.set(store, letters)
        parkedKeys.set(store, (await letters.refresh()).keys)
      } catch (error) {
        doubt(store, `its dead letters could not be read: ${messageOf(error)}`)
        await closeLog()
      }
    }
  }
  const isParked = (store: string, key: string): boolean => parkedKeys.get(store)?.has(key) ?? false
  const countCompared = (store: string, keys: number): void => {
    comparedKeys.set(store, (comparedKeys.get(store) ?? 0) + keys)
  }

  return {
    turn: async () => {
      rising = new Map()
      readInTurn = new Set()
      failedInTurn = new Set()
      try {
        const nowMs = await fromSource(source.clockMs())
        for (const table of ['rows', 'deletions'] as const) await takeChanges(table, nowMs)
        const found = await judgeDue(nowMs)
        const known = new Set([...found, ...list.takeInTurn(knownLookSize).map(({ key }) => key)])
        for (const part of chunks([...known], secondLookSize)) await lookAtKnown(part)
        await askTheUnread()
      } catch (error) {
        if (!(error instanceof SourceFailure)) throw error
        for (const store of storeNames) doubt(store, error.message)
      }
      doubts = rising
      lookedAtMs = Date.now()
    },
    accept: (divergence) => {
      list.see(divergence, Date.now())
    },
    acceptReport: (report) => {
      for (const [store, { comparedKeys: compared, scannedKeys }] of Object.entries(report.stores)) {
        countCompared(store, compared + scannedKeys)
      }
    },
    list,
    now: () => {
      const shown = Object.fromEntries(
        storeNames.map((store): [string, StoreNow] => {
          const divergences = list.countsOf(store)
          const divergedKeys = Object.values(divergences).reduce((sum, count) => sum + count, 0)
          const ofStore = [...(doubts.get(store) ?? [])]
          const comparisons = comparedKeys.get(store) ?? 0
          const verdict = verdictOf({ divergences: divergedKeys, comparisons, doubts: ofStore })
          return [store, { verdict, doubts: ofStore, divergences, divergedKeys }]
        }),
      )
      return {
        verdict: composeVerdicts(Object.values(shown).map(({ verdict }) => verdict)),
        lookedAtMs,
        stores: shown,
        knownKeys: list.size,
        full: list.full,
        waitingKeys: waiting.size,
        letGoKeys: waiting.letGo,
      }
    },
    close: async () => {
      await Promise.allSettled([source.close(), closeLog(), ...[...stores.values()].map((store) => store.close())])
    },
  }
}

function isAt(position: SourcePosition, other: SourcePosition): boolean {
  if (position.state === 'absent' || other.state === 'absent') return position.state === other.state
  return position.state === other.state && position.revision === other.revision
}
