/**
 * Cuts and slows the links between services and stores, through Toxiproxy's HTTP interface.
 *
 * A cut drops what is under way in both directions and keeps the connections open, as a cable does that is pulled: who
 * waits for an answer cannot know whether its write arrived. Mending it closes the connections, and clients come back.
 */
import { LabError, messageOf } from '../native/src/errors.ts'
import type { LinkName } from '../native/src/links.ts'

export interface Links {
  cut(link: LinkName): Promise<void>
  slow(link: LinkName): Promise<void>
  /** As it was before; nothing to undo is no error. */
  mend(link: LinkName): Promise<void>
}

/** What a slow link adds to each answer. */
export const slowMs = { latency: 300, jitter: 100 } as const
const timeoutMs = 5_000

const cutting = (['upstream', 'downstream'] as const).map((stream) => ({
  name: `cut-${stream}`,
  type: 'timeout',
  stream,
  attributes: { timeout: 0 },
}))
const slowing = { name: 'slow', type: 'latency', stream: 'downstream', attributes: slowMs }

/** @param url of Toxiproxy. Each rejects with a LabError `not-ready` that has its answer, or says that there is none. */
export function connectLinks(url: string): Links {
  const ask = async (method: string, path: string, body?: unknown): Promise<number> => {
    let response: Response
    try {
      response = await fetch(`${url}/proxies/${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      })
    } catch (error) {
      throw new LabError(
        'not-ready',
        `Toxiproxy does not answer (${messageOf(error)}). Start it: npm run lab -- up links`,
        { cause: error },
      )
    }
    if (response.ok || response.status === 404) return response.status
    throw new LabError(
      'not-ready',
      `Toxiproxy answered ${response.status} to ${method} ${path}: ${await response.text()}`,
    )
  }
  const add = async (link: LinkName, toxic: unknown): Promise<void> => {
    if ((await ask('POST', `${link}/toxics`, toxic)) === 404) {
      throw new LabError('not-ready', `Toxiproxy knows no link ${link}.`)
    }
  }
  const mend = async (link: LinkName): Promise<void> => {
    for (const { name } of [...cutting, slowing]) await ask('DELETE', `${link}/toxics/${name}`)
  }
  return {
    cut: async (link) => {
      try {
        for (const toxic of cutting) await add(link, toxic)
      } catch (error) {
        await mend(link)
        throw error
      }
    },
    slow: (link) => add(link, slowing),
    mend,
  }
}
