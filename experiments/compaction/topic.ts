/** A topic as its broker keeps it: what a reader from the start gets, and what it takes on the disk. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogAdmin } from '@driftlab/kafka'
import type { Layout } from '../../infra/native/src/index.ts'
import type { EntryOf } from './history.ts'

export type Reading = Omit<EntryOf<'topic'>, 'kind' | 'when'>

/**
 * Small segments that are closed soon and compacted as soon as anything in them is superseded; tombstones stay. A broker
 * takes no less than a mebibyte for a segment.
 */
export const eagerlyCompacted = {
  'cleanup.policy': 'compact',
  'segment.bytes': '1048576',
  'segment.ms': '2000',
  'min.cleanable.dirty.ratio': '0.001',
  'min.compaction.lag.ms': '0',
  'delete.retention.ms': '604800000',
} as const

export async function readTopic(admin: LogAdmin, layout: Layout, topic: string): Promise<Reading> {
  const endedByKey = new Map<string, boolean>()
  let records = 0
  await admin.readAll(topic, ({ key, value }) => {
    records += 1
    endedByKey.set(key?.toString() ?? '', value === null)
  })
  const ended = [...endedByKey.values()].filter(Boolean).length
  return {
    records,
    superseded: records - endedByKey.size,
    keys: endedByKey.size - ended,
    ended,
    bytes: await bytesOf(admin, layout, topic),
  }
}

/** Of the segments themselves. One that the broker is about to remove is named `.deleted`, and no longer of the topic. */
async function bytesOf(admin: LogAdmin, layout: Layout, topic: string): Promise<number> {
  let bytes = 0
  for (const { partition } of await admin.ranges(topic)) {
    const folder = join(layout.dataDir, 'kafka', `${topic}-${partition}`)
    for (const file of await readdir(folder)) {
      // It may be gone by now.
      if (file.endsWith('.log'))
        bytes += await stat(join(folder, file)).then(
          ({ size }) => size,
          () => 0,
        )
    }
  }
  return bytes
}
