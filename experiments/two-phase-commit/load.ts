/** Clients of the orders service that write as fast as it answers, and remember what they were told. */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { newOrder } from '../laboratory/orders-client.ts'
import type { Told } from './databases.ts'

export interface Load {
  readonly told: ReadonlyMap<string, Told>
  readonly counts: { readonly acknowledged: number; readonly failed: number; readonly indeterminate: number }
  stop(): Promise<void>
}

const orderSchema = z.object({ id: z.string(), revision: z.number() })

/** Keys in use at a time: few enough that clients meet. */
export const ordersKept = 64
const patienceMs = 5_000
const breathMs = 20

export interface LoadOptions {
  readonly clients: number
  readonly random: () => number
  /** Ids of orders to change and remove; kept up to date, for a later load to go on with. */
  readonly known: string[]
}

export function startLoad(url: string, options: LoadOptions): Load {
  const told = new Map<string, Told>()
  const counts = { acknowledged: 0, failed: 0, indeterminate: 0 }
  const { known } = options
  const stopping = new AbortController()

  const pick = (): string | undefined => known[Math.floor(options.random() * known.length)]
  const tell = (id: string, news: Partial<Told>): void => {
    const before = told.get(id) ?? { revision: 0, removal: 'none' }
    // Answers of one order may overtake each other.
    told.set(id, { ...before, ...news, revision: Math.max(before.revision, news.revision ?? 0) })
  }

  const write = async (): Promise<void> => {
    const id = known.length < ordersKept ? undefined : pick()
    const method = id === undefined ? 'POST' : options.random() < 0.1 ? 'DELETE' : 'PATCH'
    if (method === 'DELETE' && id !== undefined) {
      known.splice(known.indexOf(id), 1)
      tell(id, { removal: 'tried' })
    }
    let answer: Response
    let text: string
    try {
      answer = await fetch(`${url}/orders${id === undefined ? '' : `/${id}`}`, {
        method,
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(patienceMs),
        ...(method === 'DELETE'
          ? {}
          : { body: JSON.stringify(method === 'POST' ? newOrder : { note: `note ${options.random()}` }) }),
      })
      text = await answer.text()
    } catch {
      counts.indeterminate += 1
      await delay(breathMs)
      return
    }
    // Another client has removed the order: an answer like any other, but no write.
    if (answer.status === 410) return
    if (!answer.ok) {
      counts.failed += 1
      await delay(breathMs)
      return
    }
    counts.acknowledged += 1
    if (method === 'DELETE') {
      if (id !== undefined) tell(id, { removal: 'acknowledged' })
      return
    }
    const order = orderSchema.parse(JSON.parse(text))
    tell(order.id, { revision: order.revision })
    if (method === 'POST') known.push(order.id)
  }

  const clients = Array.from({ length: options.clients }, async () => {
    while (!stopping.signal.aborted) await write()
  })
  return {
    told,
    counts,
    stop: async () => {
      stopping.abort()
      await Promise.all(clients)
    },
  }
}
