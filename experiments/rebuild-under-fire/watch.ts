/** A reader that asks for the same orders again and again, and remembers the newest revision that it has seen of each. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Anomaly } from './history.ts'

/** The revision of each order that is there. */
export type Read = (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>

export interface Watched {
  /** When each poll began, in milliseconds since 1970. */
  readonly pollsAtMs: readonly number[]
  readonly progress: number
  readonly anomalies: readonly Anomaly[]
  readonly failures: readonly string[]
}

/** Pure: what two reads of one order say when the second came after the first. 0 stands for an order that is not there. */
export function anomalyOf(order: string, before: number, then: number, atMs: number): Anomaly | undefined {
  if (then >= before) return undefined
  return { order, kind: then === 0 ? 'missing' : 'older', revisionBefore: before, revisionThen: then, atMs }
}

/** Readers that take the whole machine would only show how slow a rebuild is without one. */
const pauseMs = 40

export async function watch(ids: readonly string[], read: Read, stop: AbortSignal): Promise<Watched> {
  const newest = new Map<string, number>()
  const pollsAtMs: number[] = []
  const anomalies: Anomaly[] = []
  const failures: string[] = []
  let progress = 0
  while (!stop.aborted) {
    const atMs = Date.now()
    pollsAtMs.push(atMs)
    try {
      const found = await read(ids)
      for (const id of ids) {
        const before = newest.get(id) ?? 0
        const then = found.get(id) ?? 0
        const anomaly = anomalyOf(id, before, then, atMs)
        if (anomaly !== undefined) anomalies.push(anomaly)
        if (before > 0 && then > before) progress += 1
        newest.set(id, Math.max(before, then))
      }
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
    await delay(pauseMs)
  }
  return { pollsAtMs, progress, anomalies, failures }
}
