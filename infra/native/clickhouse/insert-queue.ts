/**
 * Groups small inserts as ClickHouse's `async_insert` does: rows for the same statement in the same scope that arrive
 * while a flush runs, or within a few milliseconds of one, become one insert and so one part.
 *
 * Invariant: an insert is acknowledged after the flush that holds its rows, and fails alone: when a group is refused
 * each of its inserts is tried by itself. It knows only rows of JSON, checked before they are put together, so that
 * one request's broken text can never swallow another's rows.
 */
import type { Engine, EngineResult, Scope } from './engine.ts'
import type { Insert } from './statement.ts'

export interface QueuedInsert {
  readonly head: string
  readonly insert: Insert
  readonly data: Buffer
  readonly scope: Scope
  /** The shortest time between two flushes of one statement. */
  readonly busyTimeoutMs: number
}

export interface InsertQueue {
  add(insert: QueuedInsert): Promise<EngineResult>
  /** Flushes what waits and resolves when nothing is left. */
  drain(): Promise<void>
}

interface Waiting {
  readonly insert: QueuedInsert
  readonly settle: PromiseWithResolvers<EngineResult>
}

interface Group {
  waiting: Waiting[]
  lastFlushMs: number
  flushing: Promise<void> | undefined
}

const groupBytesMax = 4 * 1024 * 1024
const gatheringMs = 4
const memberBytesMax = 64 * 1024

/** Whether an insert can share a flush with others: few whole rows, each a JSON object (or array) of its own. */
export function isGroupable(insert: Insert, data: Buffer): boolean {
  if (insert.source.kind !== 'data' || data.length > memberBytesMax) return false
  const format = insert.source.format.toLowerCase()
  if (format !== 'jsoneachrow' && format !== 'jsoncompacteachrow') return false
  const isRow = (row: unknown): boolean =>
    format === 'jsoneachrow' ? typeof row === 'object' && row !== null && !Array.isArray(row) : Array.isArray(row)
  const lines = data
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
  return lines.length > 0 && lines.every((line) => isRow(parseOrUndefined(line)))
}

function parseOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

export function createInsertQueue(engine: Pick<Engine, 'insert'>): InsertQueue {
  const groups = new Map<string, Group>()

  const insertOne = ({ head, insert, data, scope }: QueuedInsert): Promise<EngineResult> =>
    engine.insert(head, insert, data, scope)

  const flush = async (members: readonly Waiting[]): Promise<void> => {
    const [first] = members
    if (first === undefined) return
    try {
      const data = Buffer.concat(members.flatMap(({ insert }) => [insert.data, Buffer.from('\n')]))
      const result = await insertOne({ ...first.insert, data })
      for (const { settle } of members) settle.resolve(result)
    } catch (error) {
      if (members.length === 1) {
        first.settle.reject(error)
        return
      }
      // One insert into one partition is all or nothing, so after a refusal none of these rows is there yet.
      for (const { insert, settle } of members) await insertOne(insert).then(settle.resolve, settle.reject)
    }
  }

  const flushGroup = async (key: string, group: Group): Promise<void> => {
    while (group.waiting.length > 0) {
      const [first] = group.waiting
      const busyTimeoutMs = first?.insert.busyTimeoutMs ?? 0
      // Clients that were answered together write again together: without the gathering, the first of them would be
      // flushed alone each time.
      const pauseMs = Math.max(
        group.lastFlushMs + busyTimeoutMs - performance.now(),
        Math.min(gatheringMs, busyTimeoutMs),
      )
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
      const members = takeUpTo(group, groupBytesMax)
      group.lastFlushMs = performance.now()
      await flush(members)
    }
    group.flushing = undefined
    setTimeout(() => {
      if (group.flushing === undefined && performance.now() - group.lastFlushMs > 60_000) groups.delete(key)
    }, 61_000).unref()
  }

  return {
    add(insert) {
      const key = JSON.stringify([insert.head, insert.scope])
      const group = groups.get(key) ?? { waiting: [], lastFlushMs: 0, flushing: undefined }
      groups.set(key, group)
      const settle = Promise.withResolvers<EngineResult>()
      group.waiting.push({ insert, settle })
      group.flushing ??= flushGroup(key, group)
      return settle.promise
    },
    async drain() {
      for (const group of groups.values()) await group.flushing
    },
  }
}

function takeUpTo(group: Group, bytesMax: number): readonly Waiting[] {
  let bytes = 0
  let count = 0
  for (const { insert } of group.waiting) {
    bytes += insert.data.length
    if (bytes > bytesMax && count > 0) break
    count += 1
  }
  return group.waiting.splice(0, count)
}
