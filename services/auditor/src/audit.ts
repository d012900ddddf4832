/**
 * Audits lanes: reads the system of record and every derived store in both directions, looks twice at whatever
 * differs, and reports.
 *
 * Invariants: a divergence is reported only if it survives a second look behind a newer watermark, so writes may go on
 * meanwhile; whatever was not observed is a doubt in the report, and a doubt is never a pass; memory is bounded by the
 * sizes below, whatever the size of the stores.
 */
import { createDeadLetters, type DeadLetters, type Parked } from './dead-letters.ts'
import { describeExample, type StoreState } from './example.ts'
import { fromSource, messageOf, SourceFailure } from './failure.ts'
import {
  compareWithRow,
  positionOf,
  viewsOf,
  type DivergenceKind,
  type Held,
  type SourcePosition,
  type SourceState,
} from './judge.ts'
import { openLaneSource, openLog, openStore, viewOf, type Access } from './lane-access.ts'
import type { ChangeLog } from './log.ts'
import type { SourceRow } from './projection.ts'
import { reportSchemaVersion, type AuditReport, type LaneReport } from './report.ts'
import {
  chunks,
  judgePart,
  secondLookSize,
  settle,
  type Eyes,
  type Found,
  type LookOutcomes,
  type Suspects,
} from './second-look.ts'
import { createPatience, type Patience } from './settle.ts'
import type { Page } from './sources/source.ts'
import { usualLanes, type LaneSpecification } from './specification.ts'
import type { DerivedStore } from './stores/derived-store.ts'
import { createTally, type Tally } from './tally.ts'
import { composeVerdicts } from './verdict.ts'

export interface AuditProgress {
  readonly lane: string
  readonly message: string
}

/** One key in one store, with the state of the source that the store should show and does not. */
export interface AuditedDivergence {
  readonly lane: string
  readonly store: string
  readonly key: string
  readonly kind: DivergenceKind
  readonly source: SourcePosition
}

export interface AuditOptions extends Access {
  /** The usual lanes of the specification, unless named. */
  readonly lanes?: readonly string[]
  /** How long one wait for the log, or for writes in flight, may take. */
  readonly deadlineMs?: number
  /** How many diverged keys each lane shows in full. */
  readonly examplesMax?: number
  /** Rows read at once; fewer when rows are large. */
  readonly pageSize?: number
  /** How long a store may take to answer one question. */
  readonly timeoutMs?: number
  readonly onProgress?: (progress: AuditProgress) => void
  /** Hears of every divergence, as it is found; of the same key again when a later look finds it in another store. */
  readonly onDivergence?: (divergence: AuditedDivergence) => void
}

export const auditDefaults = { deadlineMs: 120_000, examplesMax: 10, pageSize: 1_000, timeoutMs: 30_000 } as const

/** A page starts small and grows until it holds about this much text, so that large rows do not fill the memory. */
const pageCharactersMax = 2_000_000
const firstPageSize = 100
/** Keys under suspicion before they are looked at again; each costs some 300 bytes. */
const suspectsMax = 5_000
/** Looks at a key that keeps moving before it is left undetermined. */
const looksMax = 5
const scanPageSize = 5_000
const progressIntervalMs = 500

/** @throws {TypeError} when a named lane is not in the specification; a store that fails is a doubt, not an error. */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const names = options.lanes ?? usualLanes(options.specification)
  const startedAt = new Date()
  const startMs = performance.now()
  const lanes: Record<string, LaneReport> = {}
  for (const name of new Set(names)) {
    const lane = options.specification.lanes[name]
    if (lane === undefined) throw new TypeError(`The specification has no lane ${name}`)
    lanes[name] = await auditLane(name, lane, options)
  }
  return {
    schemaVersion: reportSchemaVersion,
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    durationMs: Math.round(performance.now() - startMs),
    verdict: composeVerdicts(Object.values(lanes).map(({ verdict }) => verdict)),
    lanes,
  }
}

interface Run extends Eyes {
  readonly name: string
  readonly options: AuditOptions
  readonly stores: Map<string, DerivedStore>
  readonly tally: Tally
  readonly patience: Patience
  readonly deadLetters: Map<string, DeadLetters>
  readonly parked: Map<string, Parked>
  /** Stores that failed: still to be closed. */
  readonly lost: DerivedStore[]
  readonly progress: (message: string) => void
  readonly suspects: Map<string, Set<string>>
  sourceRows: number
  watermark: string | null
}

async function auditLane(name: string, lane: LaneSpecification, options: AuditOptions): Promise<LaneReport> {
  const startMs = performance.now()
  const timeoutMs = options.timeoutMs ?? auditDefaults.timeoutMs
  const storeNames = Object.keys(lane.stores)
  const tally = createTally(storeNames, options.examplesMax ?? auditDefaults.examplesMax)
  const progress = throttled((message) => options.onProgress?.({ lane: name, message }))
  const source = openLaneSource(lane, options, { timeoutMs, onProgress: progress })
  let openedLog: Promise<ChangeLog> | undefined
  const stores = await openStores(lane, options, tally, timeoutMs)

  const views = viewsOf(options.specification, lane)

  const run: Run = {
    name,
    options,
    lane,
    source,
    log: () => (openedLog ??= openLog(options, timeoutMs)),
    stores,
    viewOf: (store) => viewOf(views, store),
    readStore: (store, keys) => readStore(run, store, keys),
    tally,
    patience: createPatience({ deadlineMs: options.deadlineMs ?? auditDefaults.deadlineMs, onProgress: progress }),
    deadLetters: new Map(),
    parked: new Map(),
    lost: [],
    progress,
    suspects: new Map(),
    sourceRows: 0,
    watermark: null,
  }

  try {
    await walkSource(run)
    for (const store of storeNames) await walkStore(run, store)
    await lookAgain(run)
    await readParked(run)
  } catch (error) {
    // Whatever broke, the rest of this lane went unseen: that is a doubt on every store, and the verdict says so.
    tally.doubtAll(error instanceof SourceFailure ? error.message : `the audit broke off: ${messageOf(error)}`)
  } finally {
    await closeAll([source, ...stores.values(), ...run.lost], openedLog)
  }

  const reports = tally.storeReports()
  return {
    verdict: composeVerdicts(Object.values(reports).map(({ verdict }) => verdict)),
    doubts: [
      ...new Set(Object.entries(reports).flatMap(([store, { doubts }]) => doubts.map((doubt) => `${store}: ${doubt}`))),
    ],
    sourceRows: run.sourceRows,
    durationMs: Math.round(performance.now() - startMs),
    watermark: run.watermark,
    stores: reports,
    examples: tally.examples(),
  }
}

/** From the source to the stores: finds what is missing, stale or corrupt. */
async function walkSource(run: Run): Promise<void> {
  const { source, stores, tally } = run
  const upTo = await fromSource(source.lastKey())
  if (upTo === null) return
  const pageSizeMax = run.options.pageSize ?? auditDefaults.pageSize
  let pageSize = Math.min(firstPageSize, pageSizeMax)
  let after: string | null = null
  for (;;) {
    const { rows, characters }: Page = await fromSource(source.page(after, upTo, pageSize))
    const last = rows.at(-1)
    if (last === undefined) return
    run.sourceRows += rows.length
    await Promise.all([...stores.keys()].map((store) => compareRows(run, store, rows)))
    run.progress(`compared ${run.sourceRows} rows`)
    if (run.suspects.size >= suspectsMax) await lookAgain(run)
    if (stores.size === 0) {
      tally.doubtAll('no store could be read')
      return
    }
    after = last.key
    pageSize = nextPageSize(rows.length, characters, pageSizeMax)
  }
}

export function nextPageSize(rows: number, characters: number, max: number): number {
  const fitting = Math.floor((pageCharactersMax * rows) / Math.max(characters, 1))
  return Math.max(1, Math.min(max, fitting, rows * 4))
}

async function compareRows(run: Run, store: string, rows: readonly SourceRow[]): Promise<void> {
  const held = await readStore(
    run,
    store,
    rows.map(({ key }) => key),
  )
  if (held === undefined) return
  run.tally.countCompared(store, rows.length)
  const view = run.viewOf(store)
  for (const row of rows) {
    const comparison = compareWithRow(view, row, held.get(row.key) ?? { state: 'absent' })
    if (comparison.outcome === 'different') suspect(run, row.key, store)
  }
}

/** From a store to the source: finds what is there and should not be. */
async function walkStore(run: Run, store: string): Promise<void> {
  const derived = run.stores.get(store)
  if (derived === undefined) return
  let scanned = 0
  try {
    for await (const keys of derived.keys(scanPageSize)) {
      const existing = await fromSource(run.source.existing(keys))
      const extra = [...new Set(keys)].filter((key) => !existing.has(key))
      const held = extra.length === 0 ? new Map<string, Held>() : await derived.read(extra)
      for (const key of held.keys()) suspect(run, key, store)
      scanned += existing.size + held.size
      run.tally.countScanned(store, existing.size + held.size)
      run.progress(`looked up ${scanned} keys of ${store}`)
      if (run.suspects.size >= suspectsMax) await lookAgain(run)
    }
  } catch (error) {
    if (error instanceof SourceFailure) throw error
    loseStore(run, store, error)
  }
}

function suspect(run: Run, key: string, store: string): void {
  const stores = run.suspects.get(key)
  if (stores === undefined) run.suspects.set(key, new Set([store]))
  else stores.add(store)
}

/** The second look at all suspects; whoever keeps moving is looked at again, behind a newer watermark each time. */
async function lookAgain(run: Run): Promise<void> {
  let pending: Suspects = new Map(run.suspects)
  run.suspects.clear()
  for (let look = 0; look < looksMax && pending.size > 0; look += 1) {
    run.progress(`looking again at ${pending.size} keys`)
    const before = await fromSource(run.source.positions([...pending.keys()]))
    const { settlement, watermark } = await settle(run, before, run.patience)
    run.watermark = watermark ?? run.watermark
    await readParked(run)
    const moving = new Map<string, Set<string>>()
    const outcomes: LookOutcomes = {
      onFine: () => undefined,
      onAgain: (store, key) => {
        moving.set(key, (moving.get(key) ?? new Set()).add(store))
      },
      onUnsettled: (store, keys, missing) => {
        run.tally.countUndetermined(store, keys.length)
        if (missing !== undefined) run.tally.doubt(store, missing)
      },
      onDifferent: (found) => accuse(run, found),
    }
    for (const part of chunks([...pending], secondLookSize)) {
      await judgePart(run, part, { before, settlement, looksBefore: () => look }, outcomes)
    }
    pending = moving
  }
  for (const stores of pending.values()) for (const store of stores) run.tally.countUndetermined(store, 1)
}

async function accuse(run: Run, { store, key, judgement, source }: Found): Promise<void> {
  const kind: DivergenceKind = isParked(run, store, key) ? 'parked' : judgement.kind
  run.options.onDivergence?.({ lane: run.name, store, key, kind, source: positionOf(source) })
  const { wantsExample } = run.tally.countDivergence(store, kind, key)
  if (wantsExample && !run.tally.hasExample(key)) await addExample(run, key, source)
}

async function addExample(run: Run, key: string, state: SourceState<SourceRow>): Promise<void> {
  const stores: StoreState[] = []
  for (const name of Object.keys(run.lane.stores)) {
    const answer = await readStore(run, name, [key])
    const held = answer === undefined ? undefined : (answer.get(key) ?? ({ state: 'absent' } as const))
    stores.push({ name, view: run.viewOf(name), held, parked: isParked(run, name, key) })
  }
  run.tally.addExample(describeExample(key, state, stores))
}

function isParked(run: Run, store: string, key: string): boolean {
  return run.parked.get(store)?.keys.has(key) ?? false
}

/** A record may be parked while the audit waits, so this is asked again behind every watermark. */
async function readParked(run: Run): Promise<void> {
  const { settles } = run.lane
  if (settles.kind !== 'log') return
  for (const [store, { deadLetters }] of Object.entries(settles.sinks)) {
    if (deadLetters === undefined) continue
    try {
      let letters = run.deadLetters.get(store)
      if (letters === undefined) {
        letters = createDeadLetters(await run.log(), deadLetters, run.options.specification.record.key.column)
        run.deadLetters.set(store, letters)
      }
      const parked = await letters.refresh()
      run.parked.set(store, parked)
      run.tally.setParked(store, parked.summary)
    } catch (error) {
      run.tally.doubt(store, `its dead letters could not be read: ${messageOf(error)}`)
    }
  }
}

/** What a store holds, or undefined once it failed: from then on it counts as unobserved. */
async function readStore(
  run: Run,
  store: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Held> | undefined> {
  const derived = run.stores.get(store)
  if (derived === undefined) return undefined
  try {
    return await derived.read(keys)
  } catch (error) {
    loseStore(run, store, error)
    return undefined
  }
}

function loseStore(run: Run, store: string, error: unknown): void {
  run.tally.doubt(store, `could not be read: ${messageOf(error)}`)
  const lost = run.stores.get(store)
  if (lost === undefined) return
  run.stores.delete(store)
  run.lost.push(lost)
}

async function openStores(
  lane: LaneSpecification,
  options: AuditOptions,
  tally: Tally,
  timeoutMs: number,
): Promise<Map<string, DerivedStore>> {
  const stores = new Map<string, DerivedStore>()
  await Promise.all(
    Object.entries(lane.stores).map(async ([name, store]) => {
      try {
        stores.set(name, await openStore(store, options, timeoutMs))
      } catch (error) {
        tally.doubt(name, `could not be reached: ${messageOf(error)}`)
      }
    }),
  )
  return stores
}

/** Closing is best effort: all that was to be said is in the report, and a store that went away cannot be closed well. */
async function closeAll(
  open: readonly { close(): Promise<void> }[],
  openedLog: Promise<ChangeLog> | undefined,
): Promise<void> {
  const closing = open.map((part) => part.close())
  if (openedLog !== undefined) closing.push(openedLog.then((log) => log.close()))
  await Promise.allSettled(closing)
}

function throttled(report: (message: string) => void): (message: string) => void {
  let nextMs = 0
  return (message) => {
    const nowMs = performance.now()
    if (nowMs < nextMs) return
    nextMs = nowMs + progressIntervalMs
    report(message)
  }
}
