/** A capture of the orders and what comes of it: every record that it put into its topic, and what they add up to. */
import { decode, type RecordFormat } from '@driftlab/change-event'
import { connectLog, type LogAdmin, type LogRecord } from '@driftlab/kafka'
import { parseOrderRow, toDocument } from '@driftlab/order'
import { eventually } from '@driftlab/stores/testing'
import type { Laboratory } from '../laboratory/laboratory.ts'
import type { Capture } from './history.ts'

export interface Captured {
  readonly name: Capture
  /** Waits until everything that is committed by now has been captured and read. */
  settle(): Promise<void>
  /** Of these orders, from the last call on. */
  take(ids: ReadonlySet<string>): { readonly delivered: number; readonly truncates: number }
  /** What somebody who applied every change so far holds of an order. */
  held(id: string): string | undefined
}

export interface CaptureOptions {
  readonly name: Capture
  readonly topic: string
  readonly format: RecordFormat
  /** Resolves when the topic holds everything that is committed by now. */
  readonly published: () => Promise<void>
}

const settleDeadlineMs = 60_000

export async function watchCapture(
  laboratory: Laboratory,
  admin: LogAdmin,
  options: CaptureOptions,
): Promise<Captured> {
  const { name, topic, format, published } = options
  const groupId = `triggers-are-fragile-${name}`
  const rows = new Map<string, string>()
  let changedIds: string[] = []
  let truncates = 0

  const apply = (record: LogRecord): void => {
    const decoded = decode(record, { ...format, epoch: 0 })
    switch (decoded.type) {
      case 'tombstone':
      case 'marker':
        return
      case 'poison':
        // Of all that a connector of this table sends, only a TRUNCATE has no key.
        if (decoded.reason !== 'key-missing') throw new Error(`${name} sent poison: ${decoded.message}`)
        truncates += 1
        return
      case 'change': {
        const { change } = decoded
        const row = change.kind === 'delete' ? change.before : change.after
        const id = String(row['id'])
        changedIds.push(id)
        if (change.kind === 'delete') rows.delete(id)
        else rows.set(id, textOf(row))
      }
    }
  }
  laboratory.atEnd(() => admin.deleteGroups([groupId]))
  const consumption = await connectLog({ brokers: [laboratory.url.kafkaBrokers], clientId: groupId }).consume({
    groupId,
    topics: [topic],
    fetch: { minBytes: 1, maxWaitMs: 50, maxBytesPerPartition: 1_048_576 },
    concurrency: 4,
    onFailure: (error) => {
      throw error
    },
    onBatch: ({ records }) => {
      records.forEach(apply)
      return Promise.resolve('processed')
    },
  })
  laboratory.atEnd(() => consumption.stop())

  return {
    name,
    settle: async () => {
      await published()
      await eventually(async () => (await admin.groupProgress(groupId, topic)).every(({ drained }) => drained), {
        deadlineMs: settleDeadlineMs,
        what: `all of ${topic} is read`,
      })
    },
    take: (ids) => {
      const taken = { delivered: changedIds.filter((id) => ids.has(id)).length, truncates }
      changedIds = []
      truncates = 0
      return taken
    },
    held: (id) => rows.get(id),
  }
}

/** The same for the same row, whichever way it came. */
export function textOf(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...toDocument(parseOrderRow(row)), priority: row['priority'] ?? null })
}
