/** Orders as a client of the service sees them: requests over HTTP, and what can be known of how each ended. */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'

/** `indeterminate`: no answer, or one that leaves open whether the write happened; it is not a failure. */
export const outcomes = ['ok', 'failed', 'indeterminate'] as const
export type Outcome = (typeof outcomes)[number]

const identified = z.object({ id: z.uuid() })

const item = { sku: 'tea-1', description: 'Green tea, 100 g', quantity: 2, unitPriceCents: 450 }
/** The body of a request to place one. */
export const newOrder = { customerId: 'c-1', customerName: 'Zoë', items: [item], note: 'new', currency: 'EUR' }

export interface ClientOptions {
  readonly baseUrl: string
  /** After which the client stops waiting. */
  readonly timeoutMs?: number
}

const defaultTimeoutMs = 10_000

/** @returns the id of a new order. @throws when it is not placed. */
export async function placeOrder({ baseUrl, timeoutMs = defaultTimeoutMs }: ClientOptions): Promise<string> {
  const response = await fetch(`${baseUrl}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(newOrder),
    signal: AbortSignal.timeout(timeoutMs),
  })
  const text = await response.text()
  if (response.status !== 201) throw new Error(`The order was not placed: ${response.status} ${text}`)
  return identified.parse(JSON.parse(text)).id
}

export async function updateNote(
  { baseUrl, timeoutMs = defaultTimeoutMs }: ClientOptions,
  id: string,
  note: string,
): Promise<Outcome> {
  try {
    const response = await fetch(`${baseUrl}/orders/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ note }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    await response.arrayBuffer()
    if (response.ok) return 'ok'
    // 502: in some stores and not in others. 503: the database did not answer, so the commit may have happened.
    return response.status < 500 ? 'failed' : 'indeterminate'
  } catch {
    return 'indeterminate'
  }
}

/** Runs `clients` loops, each taking the next task as soon as its last has ended, until there is none left. */
export async function closedLoop<Task>(
  tasks: readonly Task[],
  clients: number,
  signal: AbortSignal,
  run: (task: Task, client: number) => Promise<void>,
): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      // Starting together would make the first round a burst that no later one is.
      await delay(client)
      for (let index = next++; index < tasks.length; index = next++) {
        signal.throwIfAborted()
        // The index is within bounds; the type of an element may be anything, undefined included.
        await run(tasks[index] as Task, client)
      }
    }),
  )
}
