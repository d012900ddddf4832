/**
 * A way to a store that can be made bad: nobody gets through, an answer is lost after the write has landed, or a request
 * takes longer than its sender waits, or as long as the experiment wants. Plain TCP, so the bytes are the store's and the
 * client's own.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Laboratory } from './laboratory.ts'

export type ProxyFault =
  /** Connections break and no new one is taken. */
  | { readonly kind: 'unreachable' }
  /** Instead of an answer, the connection breaks: what was asked has been done. */
  | { readonly kind: 'answer-lost'; readonly probability: number }
  /** What was asked is done after `delayMs`, whoever may have stopped waiting by then. */
  | { readonly kind: 'request-late'; readonly probability: number; readonly delayMs: number }
  /** What is asked is on its way until this fault is lifted; then it is done, whatever has become of its sender. */
  | { readonly kind: 'request-held' }

export interface Proxy {
  /** The URL of the store with the proxy's address in it. */
  through(url: string): string
  setFault(fault: ProxyFault | undefined): void
  /** How often a fault has hit something. */
  hits(): number
  /** What is held at this moment, connection by connection. */
  held(): readonly Buffer[]
}

/** In front of what listens on this host and port; gone when the experiment ends. */
export async function openProxy(
  laboratory: Pick<Laboratory, 'atEnd'>,
  target: { readonly host: string; readonly port: number },
  random: () => number,
): Promise<Proxy> {
  let fault: ProxyFault | undefined
  let hits = 0
  const clients = new Set<Socket>()
  let held = new Map<Socket, Buffer[]>()
  let lifted = Promise.withResolvers<undefined>()
  const lift = (): void => {
    held = new Map()
    lifted.resolve(undefined)
    lifted = Promise.withResolvers()
  }
  const isHit = (kind: 'answer-lost' | 'request-late'): boolean => {
    const hit = fault?.kind === kind && random() < fault.probability
    if (hit) hits += 1
    return hit
  }

  const server = createServer((client) => {
    if (fault?.kind === 'unreachable') {
      hits += 1
      client.resetAndDestroy()
      return
    }
    clients.add(client)
    const store = connect(target.port, target.host)
    // Until then everything behind a late request waits, as it would behind a slow one.
    let clear: Promise<void> = Promise.resolve()
    client.on('data', (bytes) => {
      if (isHit('request-late') && fault?.kind === 'request-late') {
        const { delayMs } = fault
        clear = clear.then(() => new Promise((resolve) => setTimeout(resolve, delayMs)))
      }
      if (fault?.kind === 'request-held') {
        hits += 1
        held.set(client, [...(held.get(client) ?? []), bytes])
        const { promise } = lifted
        clear = clear.then(() => promise)
      }
      clear = clear.then(() => {
        if (!store.destroyed) store.write(bytes)
      })
    })
    client.on('close', () => {
      clients.delete(client)
      clear = clear.then(() => {
        store.end()
      })
    })
    store.on('data', (bytes) => {
      if (isHit('answer-lost')) client.resetAndDestroy()
      else if (!client.destroyed) client.write(bytes)
    })
    store.on('close', () => client.destroy())
    client.on('error', () => undefined)
    store.on('error', () => client.destroy())
  })
  server.listen(0, target.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  laboratory.atEnd(async () => {
    for (const client of clients) client.destroy()
    lift()
    server.close()
    await once(server, 'close')
  })
  return {
    through: (url) => {
      const changed = new URL(url)
      changed.port = String(port)
      return changed.toString()
    },
    setFault: (next) => {
      fault = next
      if (next?.kind !== 'request-held') lift()
      if (next?.kind !== 'unreachable') return
      for (const client of clients) {
        hits += 1
        client.resetAndDestroy()
      }
    },
    hits: () => hits,
    held: () => Array.from(held.values(), (chunks) => Buffer.concat(chunks)),
  }
}
