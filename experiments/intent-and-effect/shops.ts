/** The same requests to two services: one that writes rows, one that writes events. */
import { z } from 'zod'
import { closedLoop } from '../laboratory/orders-client.ts'
import type { NewOrder, Patch, Story } from './plan.ts'

const clients = 12
const timeoutMs = 20_000
const identified = z.object({ id: z.uuid() })

/** @returns the order's id of each story, in their order. @throws when a request is refused. */
export async function act(baseUrl: string, stories: readonly Story[], signal: AbortSignal): Promise<readonly string[]> {
  const ids = new Map<Story, string>()
  await closedLoop(stories, clients, signal, async (story) => {
    const id = identified.parse(await ask(`${baseUrl}/orders`, 'POST', story.placed)).id
    for (const { cause, reason, patch } of story.actions) {
      await ask(`${baseUrl}/orders/${id}`, 'PATCH', patch, { 'Driftlab-Actor': cause, 'Driftlab-Reason': reason })
    }
    ids.set(story, id)
  })
  return stories.map((story) => ids.get(story) ?? '')
}

async function ask(
  url: string,
  method: 'POST' | 'PATCH',
  body: NewOrder | Patch,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  })
  const text = await response.text()
  if (!response.ok || response.status === 202) throw new Error(`${method} ${url} answers ${response.status}: ${text}`)
  return JSON.parse(text) as unknown
}
