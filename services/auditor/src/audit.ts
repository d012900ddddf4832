/**
 * Audits lanes: reads the system of record and every derived store in both directions, looks twice at whatever
 * differs, and reports.
 *
 * Invariants: a divergence is reported only if it survives a second look behind a newer watermark, so writes may go on
 * meanwhile; whatever was not observed is a doubt in the report, and a doubt is never a pass; memory is bounded by the
 * sizes below, whatever the size of the stores.
 */
import {
  compareWithRow,
  judge,
  type DivergenceKind,
  type Held,
  type RowPosition,
  type SourceState,
  viewsOf,
  type View,
} from './judge.ts'
import { createDeadLetters, type DeadLetters, type Parked } from './dead-letters.ts'
import { describeExample, type StoreState } from './example.ts'
import { openKafka, type ChangeLog } from './log.ts'
import type { SourceRow } from './projection.ts'
import { reportSchemaVersion, type AuditReport, type LaneReport } from './report.ts'
import { createPatience, settleByLog, settleByTime, type Patience, type Settlement } from './settle.ts'
import { formatLsn, openSource, type Page, type Source } from './source.ts'
import type { LaneSpecification, Specification, StoreSpecification } from './specification.ts'
import { openClickHouse } from './stores/clickhouse.ts'
import type { DerivedStore } from './stores/derived-store.ts'
import { openElasticsearch } from './stores/elasticsearch.ts'
import { openRedis } from './stores/redis.ts'
import { createTally, type Tally } from './tally.ts'
import { composeVerdicts } from './verdict.ts'

/** Where everything is, with users that may only read. What a lane does not need may be left out. */
export interface Connections {
  readonly postgresUrl: string
  readonly redisUrl?: string | undefined
  readonly elasticsearchUrl?: string | undefined
  readonly clickhouseUrl?: string | undefined
  readonly kafkaBrokers?: readonly string[] | undefined
}

export interface AuditProgress {
  readonly lane: string
  readonly message: string
}

export interface AuditOptions {
  readonly specification: Specification
  readonly connections: Connections
  /** All lanes of the specification, unless named. */
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
}

export const auditDefaults = { deadlineMs: 120_000, examplesMax: 10, pageSize: 1_000, timeoutMs: 30_000 } as const

/** A page starts small and grows until it holds about this much text, so that large rows do not fill the memory. */
const pageCharactersMax = 2_000_000
const firstPageSize = 100
/** Keys under suspicion before they are looked at again; each costs some 300 bytes. */
const suspectsMax = 5_000
/** Suspects whose values are held at once. */
const secondLookSize = 250
/** Looks at a key that keeps moving before it is left undetermined. */
const looksMax = 5
const scanPageSize = 5_000
const progressIntervalMs = 500

/** @throws {TypeError} when a named lane is not in the specification; a store that fails is a doubt, not an error. */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const names = options.lanes ?? Object.keys(options.specification.lanes)
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

interface Run {
  readonly options: AuditOptions
  readonly lane: LaneSpecification
  readonly source: Source
  /** Opened when the first suspect has to wait for it. */
  readonly log: () => Promise<ChangeLog>
  readonly stores: Map<string, DerivedStore>
  readonly views: ReadonlyMap<string, View>
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
  const { record } = options.specification
  const storeNames = Object.keys(lane.stores)
  const tally = createTally(storeNames, options.examplesMax ?? auditDefaults.examplesMax)
  const progress = throttled((message) => options.onProgress?.({ lane: name, message }))
  const source = openSource(options.connections.postgresUrl, record, lane, { timeoutMs })
  let openedLog: Promise<ChangeLog> | undefined
  const stores = await openStores(lane, options, tally, timeoutMs)

  const run: Run = {
    options,
    lane,
    source,
    log: () => (openedLog ??= openLog(options, timeoutMs)),
    stores,
    views: viewsOf(options.specification, lane),
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
  const view = viewOf(run, store)
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

/** The second look: waits until what the source shows must have arrived, and judges what is there then. */
async function lookAgain(run: Run): Promise<void> {
  let pending = new Map(run.suspects)
  run.suspects.clear()
  for (let look = 0; look < looksMax && pending.size > 0; look += 1) {
    run.progress(`looking again at ${pending.size} keys`)
    const before = await fromSource(run.source.positions([...pending.keys()]))
    const settlement = await settle(run, before)
    await readParked(run)
    const moving = new Map<string, Set<string>>()
    for (const part of chunks([...pending], secondLookSize)) {
      await judgePart(run, part, { before, settlement, looksBefore: look, moving })
    }
    pending = moving
  }
  for (const stores of pending.values()) for (const store of stores) run.tally.countUndetermined(store, 1)
}

async function settle(run: Run, before: ReadonlyMap<string, SourceState<RowPosition>>): Promise<Settlement> {
  const { settles } = run.lane
  switch (settles.kind) {
    case 'bounded':
      return fromSource(settleByTime(settles.inFlightMaxMs, before, run.source, run.patience))
    case 'log': {
      try {
        const { watermark, settlement } = await settleByLog(settles, run.source, await run.log(), run.patience)
        run.watermark = formatLsn(watermark)
        return settlement
      } catch (error) {
        const missing = `cannot tell how far the log is: ${messageOf(error)}`
        return () => ({ missing })
      }
    }
  }
}

interface Look {
  readonly before: ReadonlyMap<string, SourceState<RowPosition>>
  readonly settlement: Settlement
  readonly looksBefore: number
  /** Receives what has to be looked at once more. */
  readonly moving: Map<string, Set<string>>
}

async function judgePart(
  run: Run,
  part: readonly (readonly [string, ReadonlySet<string>])[],
  look: Look,
): Promise<void> {
  const keysByStore = new Map<string, string[]>()
  for (const [key, stores] of part) {
    for (const store of stores) {
      const settlement = look.settlement(store, key)
      if (settlement === 'settled') {
        keysByStore.set(store, [...(keysByStore.get(store) ?? []), key])
      } else {
        run.tally.countUndetermined(store, 1)
        run.tally.doubt(store, settlement.missing)
      }
    }
  }
  const heldByStore = new Map<string, ReadonlyMap<string, Held>>()
  for (const [store, keys] of keysByStore) {
    const held = await readStore(run, store, keys)
    if (held === undefined) run.tally.countUndetermined(store, keys.length)
    else heldByStore.set(store, held)
  }
  if (heldByStore.size === 0) return

  const after = await fromSource(run.source.rows(part.map(([key]) => key)))
  for (const [store, held] of heldByStore) {
    for (const key of keysByStore.get(store) ?? []) {
      const judgement = judge(viewOf(run, store), {
        before: look.before.get(key) ?? nowhere,
        held: held.get(key) ?? { state: 'absent' },
        after: after.get(key) ?? nowhere,
        settlesBy: run.lane.settles.kind,
        deletionsKnown: run.lane.deletions !== undefined,
        looksBefore: look.looksBefore,
      })
      switch (judgement.outcome) {
        case 'fine':
          break
        case 'again':
          look.moving.set(key, (look.moving.get(key) ?? new Set()).add(store))
          break
        case 'different': {
          const kind: DivergenceKind = isParked(run, store, key) ? 'parked' : judgement.kind
          const { wantsExample } = run.tally.countDivergence(store, kind, key)
          if (wantsExample && !run.tally.hasExample(key)) await addExample(run, key, after.get(key) ?? nowhere)
          break
        }
      }
    }
  }
}

const nowhere = { row: null, deletion: null }

async function addExample(run: Run, key: string, state: SourceState<SourceRow>): Promise<void> {
  const stores: StoreState[] = []
  for (const name of Object.keys(run.lane.stores)) {
    const answer = await readStore(run, name, [key])
    const held = answer === undefined ? undefined : (answer.get(key) ?? ({ state: 'absent' } as const))
    stores.push({ name, view: viewOf(run, name), held, parked: isParked(run, name, key) })
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

function viewOf(run: Run, store: string): View {
  const view = run.views.get(store)
  if (view === undefined) throw new TypeError(`The lane has no store ${store}`)
  return view
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

async function openStore(
  store: StoreSpecification,
  { connections, specification }: AuditOptions,
  timeoutMs: number,
): Promise<DerivedStore> {
  switch (store.kind) {
    case 'redis-hash':
      return openRedis(given(connections.redisUrl, 'Redis'), store, { timeoutMs })
    case 'elasticsearch':
      return openElasticsearch(given(connections.elasticsearchUrl, 'Elasticsearch'), store, { timeoutMs })
    case 'clickhouse': {
      const projection = specification.projections[store.projection] ?? {}
      return openClickHouse(given(connections.clickhouseUrl, 'ClickHouse'), store, projection, { timeoutMs })
    }
  }
}

function openLog({ connections }: AuditOptions, timeoutMs: number): Promise<ChangeLog> {
  return openKafka(given(connections.kafkaBrokers, 'Kafka'), { timeoutMs })
}

function given<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new TypeError(`the address of ${what} was not given`)
  return value
}

/** The source failed, so nothing more can be said of any store of the lane. */
class SourceFailure extends Error {
  override readonly name = 'SourceFailure'
}

async function fromSource<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (cause) {
    throw new SourceFailure(`the source could not be read: ${messageOf(cause)}`, { cause })
  }
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

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error.message === '' ? error.name : error.message.replaceAll(/\s+/g, ' ')
}

function* chunks<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
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
