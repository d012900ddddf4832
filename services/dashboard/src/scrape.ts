/**
 * Asks every target once: its metrics, and of the auditor what differs now.
 *
 * Invariants: it never throws for a target that is down, slow or speaks nonsense, and reads no more of an answer than
 * `answerMaxBytes`; a name that leads to several instances is asked at every one of them.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { z } from 'zod'
import { readSamples } from './exposition.ts'
import { laneNames, targetNames, type TargetName } from './lanes.ts'
import { liveLaneSchema, type InstanceAnswer, type Scrape, type TargetAnswer } from './scraped.ts'

export type Targets = Readonly<Record<TargetName, readonly string[]>>

export const shownSeries: ReadonlySet<string> = new Set([
  'driftlab_orders_request_duration_seconds_count',
  'driftlab_orders_dual_write_failures_total',
  'sink_commit_to_visible_ms_bucket',
  'sink_changes_applied_total',
  'sink_changes_parked_total',
  'sink_lag_records',
  'sink_state',
  'driftlab_group_lag_records',
  'driftlab_slot_state',
  'driftlab_slot_unconfirmed_wal_bytes',
])

const liveSchema = z.object({ lanes: z.record(z.string(), z.unknown()) })

export interface ScrapeOptions {
  readonly targets: Targets
  readonly timeoutMs: number
  readonly listMax: number
}

/** Of metrics there are some 60 kB, of the list of what differs some 30 kB. */
export const answerMaxBytes = 2_000_000

export async function scrape({ targets, timeoutMs, listMax }: ScrapeOptions): Promise<Scrape> {
  const atMs = Date.now()
  const [answers, live] = await Promise.all([
    Promise.all(targetNames.map(async (name) => [name, await askTarget(targets[name], timeoutMs)] as const)),
    askAuditor(targets.auditor, { timeoutMs, listMax }),
  ])
  return { atMs, targets: Object.fromEntries(answers) as Record<TargetName, TargetAnswer>, live }
}

async function askTarget(urls: readonly string[], timeoutMs: number): Promise<TargetAnswer> {
  const reasons: string[] = []
  const expanded = await Promise.all(
    urls.map((url) =>
      instancesOf(url).catch((error: unknown) => {
        reasons.push(reasonOf(error))
        return []
      }),
    ),
  )
  const instances = await Promise.all(
    expanded.flat().map(async (url): Promise<readonly InstanceAnswer[]> => {
      try {
        const text = await readText(`${url}/metrics`, timeoutMs)
        return [{ instance: url, samples: readSamples(text, shownSeries) }]
      } catch (error) {
        reasons.push(reasonOf(error))
        return []
      }
    }),
  )
  return { instances: instances.flat(), why: [...new Set(reasons)].join('; ') }
}

async function askAuditor(
  urls: readonly string[],
  { timeoutMs, listMax }: { readonly timeoutMs: number; readonly listMax: number },
): Promise<Scrape['live']> {
  const [url] = urls
  if (url === undefined) return {}
  try {
    const text = await readText(`${url}/divergences?limit=${listMax}`, timeoutMs)
    const { lanes } = liveSchema.parse(JSON.parse(text))
    return Object.fromEntries(
      laneNames.flatMap((name) => {
        const parsed = liveLaneSchema.safeParse(lanes[name])
        return parsed.success ? [[name, parsed.data] as const] : []
      }),
    )
  } catch {
    // That it is down shows by its metrics, and that a lane is not followed by its absence here.
    return {}
  }
}

/** Behind one name there may be several instances: each is asked, or a counter would jump between theirs. */
export async function instancesOf(url: string): Promise<readonly string[]> {
  const { hostname, protocol, port } = new URL(url)
  if (isIP(hostname) !== 0 || hostname.startsWith('[')) return [url]
  const addresses = await lookup(hostname, { all: true, family: 4 })
  return addresses.map(({ address }) => `${protocol}//${address}${port === '' ? '' : `:${port}`}`)
}

/** @throws when there is no answer in time, it is not 200, or it is longer than anything we ask for. */
export async function readText(url: string, timeoutMs: number): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
  if (!response.ok) {
    await response.body?.cancel()
    throw new AnswerError(`it answers with ${response.status}`, response.status)
  }
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of bodyOf(response)) {
    bytes += part.length
    if (bytes > answerMaxBytes) throw new AnswerError('its answer is too long', response.status)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

export async function* bodyOf({ body }: Response): AsyncGenerator<Uint8Array> {
  if (body !== null) yield* body as AsyncIterable<Uint8Array>
}

export class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AnswerError) return error.message
  if (!Error.isError(error)) return 'it does not answer'
  if (error.name === 'TimeoutError') return 'it does not answer in time'
  const code = codeOf(error) ?? codeOf(error.cause)
  return code === 'ECONNREFUSED' ? 'nobody listens there' : `it does not answer (${code ?? error.name})`
}

function codeOf(error: unknown): string | undefined {
  return Error.isError(error) && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
