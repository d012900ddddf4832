/**
 * Mends one fault of kafkajs 2.2.4 in place: its request queue re-arms a timer for ever, a thousand times a second on
 * every connection, whether or not a request waits, and with a negative delay, which Node 24 warns of on the console.
 * https://github.com/tulios/kafkajs/issues/1704 and https://github.com/tulios/kafkajs/issues/1751, both open.
 *
 * The mended queue arms the timer only while a request waits or the broker throttles us. Nothing else is touched; when
 * a release fixes the issues, this file goes.
 */
import { createRequire } from 'node:module'

interface RequestQueue {
  pending: readonly unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
}

const checkIntervalMs = 10

function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null) return
  const throttledForMs = this.throttledUntil - Date.now()
  if (this.pending.length === 0 && throttledForMs <= 0) return
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null
      this.checkPendingRequests()
    },
    Math.max(throttledForMs, checkIntervalMs),
  )
}

/** @throws when kafkajs no longer has the method, so that an upgrade cannot pass unnoticed. */
export function mendRequestQueue(): void {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as {
    prototype: { scheduleCheckPendingRequests?: unknown }
  }
  if (typeof prototype.scheduleCheckPendingRequests !== 'function') {
    throw new Error(
      'kafkajs changed its request queue: see whether packages/kafka/src/request-queue.ts is still needed',
    )
  }
  prototype.scheduleCheckPendingRequests = scheduleCheckPendingRequests
}
