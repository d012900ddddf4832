/**
 * An append-only record of what happened, for whoever judges it later: one JSON line an entry, in the order in which
 * the entries were recorded.
 *
 * Invariant: what is judged is what was written down. Entries are checked when they are recorded and again when they
 * are read, so that a judge never sees half a line, nor one of another shape.
 */
import { createWriteStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import type { z } from 'zod'

export { recentHistory, type RecentHistory } from './recent.ts'

export interface History<Entry> {
  /** @throws {z.ZodError} when the entry is not of the history's shape. */
  readonly record: (entry: Entry) => void
  /** Resolves when every entry is in the file. @throws what writing failed with. */
  close(): Promise<void>
}

/** Begins a new history in `file`; one that was there is replaced. */
export async function openHistory<Entry>(file: string, schema: z.ZodType<Entry>): Promise<History<Entry>> {
  await mkdir(dirname(file), { recursive: true })
  const stream = createWriteStream(file)
  const written = finished(stream)
  // Somebody waits for it in close(); until then a failure must not count as unhandled.
  written.catch(() => undefined)
  return {
    record: (entry) => {
      stream.write(`${JSON.stringify(schema.parse(entry))}\n`)
    },
    close: async () => {
      stream.end()
      await written
    },
  }
}

/** @throws when a line is not JSON or not of the shape, with its number. */
export async function readHistory<Entry>(file: string, schema: z.ZodType<Entry>): Promise<readonly Entry[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line, index) => {
    try {
      return schema.parse(JSON.parse(line))
    } catch (cause) {
      throw new Error(`Line ${index + 1} of the history is not an entry`, { cause })
    }
  })
}
