/**
 * Sends what happens to everybody who watches, by server-sent events.
 *
 * Invariants: a message is made once, however many watch; a viewer that does not read has at most `bufferMaxBytes` kept
 * for it and is then let go, and at most `viewersMax` are served at once. It decides nothing about what is sent.
 */
import type { ServerResponse } from 'node:http'

export interface ViewersOptions {
  readonly viewersMax: number
  readonly bufferMaxBytes: number
  readonly onDropped?: () => void
}

export interface Viewers {
  /** @returns false when there are too many already; the answer is then still the caller's to give. */
  welcome(response: ServerResponse, first: readonly string[]): boolean
  send(message: string): void
  readonly count: number
  /** Ends every stream; browsers come back by themselves. */
  close(): void
}

/** One event of the stream: a name, and JSON, which has no line breaks in it. */
export function messageOf(event: string, content: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(content)}\n\n`
}

export function createViewers({ viewersMax, bufferMaxBytes, onDropped }: ViewersOptions): Viewers {
  const viewers = new Set<ServerResponse>()
  const write = (response: ServerResponse, message: string): void => {
    response.write(message)
    if (response.writableLength <= bufferMaxBytes) return
    viewers.delete(response)
    response.destroy()
    onDropped?.()
  }
  return {
    welcome: (response, first) => {
      if (viewers.size >= viewersMax) return false
      response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
        // A proxy in between must not hold events back.
        'X-Accel-Buffering': 'no',
      })
      viewers.add(response)
      response.once('close', () => {
        viewers.delete(response)
      })
      // A connection that breaks says so here; its close is what counts.
      response.on('error', () => undefined)
      response.write('retry: 1000\n\n')
      for (const message of first) write(response, message)
      return true
    },
    send: (message) => {
      for (const response of viewers) write(response, message)
    },
    get count() {
      return viewers.size
    },
    close: () => {
      for (const response of viewers) response.end()
      viewers.clear()
    },
  }
}
