/**
 * The running pipeline as the end-to-end tests see it: the laboratory whose parts they hurt, a writer that keeps
 * changing orders through the real API meanwhile, and the audit that has the last word.
 */
import { audit, connectionsFrom, ordersSpecificationPath, readSpecification, type LaneReport } from '@driftlab/auditor'
import { openLab, type NativeLab, type Settings } from '../../infra/native/src/index.ts'

export type LaneName = 'cdc' | 'dual-write'

export interface Pipeline {
  readonly lab: NativeLab
  readonly settings: Settings
  /** The addresses of the lane's two instances. */
  readonly orders: (lane: LaneName) => readonly string[]
  /** Waits for the log to be drained and compares every value. */
  readonly audit: (lane: LaneName) => Promise<LaneReport>
}

export async function openPipeline(): Promise<Pipeline> {
  const { lab, settings } = await openLab()
  const specification = await readSpecification(ordersSpecificationPath)
  const connections = connectionsFrom({ ...settings }, specification)
  return {
    lab,
    settings,
    orders: (lane) => (['1', '2'] as const).map((instance) => lab.address(`orders-${lane}-${instance}`).url),
    audit: async (lane) => {
      const report = await audit({ specification, connections, lanes: [lane], deadlineMs: 90_000 })
      const laneReport = report.lanes[lane]
      if (laneReport === undefined) throw new Error(`The audit has no report on lane ${lane}`)
      return laneReport
    },
  }
}

/** What became of requests: a timeout or a broken connection is not a failure, it is not knowing. */
export interface Outcomes {
  readonly ok: number
  readonly refused: number
  readonly failed: number
  readonly indeterminate: number
}

export interface Writer {
  /** How it stands so far. */
  readonly outcomes: () => Outcomes
  /** Ends the writing and waits for the requests in flight. */
  readonly stop: () => Promise<Outcomes>
}

/** No test needs longer; a forgotten writer ends by itself. */
const writerLifetimeMs = 180_000
const workers = 4

/**
 * Keeps writing: creates, changes and deletes orders, several clients at once on the same few orders, so that every
 * key is hot and any lost or reordered change shows.
 */
export function startWriter(baseUrls: readonly string[], changesPerSecond = 100): Writer {
  const counts = { ok: 0, refused: 0, failed: 0, indeterminate: 0 }
  const known: string[] = []
  const endsAt = performance.now() + writerLifetimeMs
  let stopping = false

  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(Math.random() * items.length)]

  const write = async (): Promise<void> => {
    const base = pick(baseUrls) ?? ''
    const dice = Math.random()
    const id = pick(known.slice(-40))
    try {
      if (id === undefined || dice < 0.25) {
        const created = await request('POST', `${base}/orders`, randomOrder())
        count(created.status)
        if (created.status === 201) known.push(((await created.json()) as { id: string }).id)
        return
      }
      const changed =
        dice < 0.95
          ? await request('PATCH', `${base}/orders/${id}`, randomChange())
          : await request('DELETE', `${base}/orders/${id}`)
      count(changed.status)
      await changed.arrayBuffer()
    } catch {
      // The instance or its database is being restarted: whether the write happened is unknown, and the audit's to see.
      counts.indeterminate += 1
    }
  }
  const count = (status: number): void => {
    if (status < 400) counts.ok += 1
    else if (status < 500) counts.refused += 1
    else counts.failed += 1
  }

  const running = Array.from({ length: workers }, async () => {
    while (!stopping && performance.now() < endsAt) {
      await write()
      await new Promise((resolve) => setTimeout(resolve, (1_000 * workers) / changesPerSecond))
    }
  })
  return {
    outcomes: () => ({ ...counts }),
    stop: async () => {
      stopping = true
      await Promise.all(running)
      return { ...counts }
    },
  }
}

export function request(method: string, url: string, body?: unknown): Promise<Response> {
  return fetch(url, {
    method,
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
}

export function randomOrder(): Record<string, unknown> {
  return {
    customerId: `customer-${Math.floor(Math.random() * 1_000)}`,
    customerName: 'Ada Lovelace',
    currency: 'EUR',
    note: `note ${Math.random()}`,
    items: [
      {
        sku: 'engine-1',
        description: 'an analytical engine',
        quantity: 1 + Math.floor(Math.random() * 5),
        unitPriceCents: 199,
      },
    ],
  }
}

function randomChange(): Record<string, unknown> {
  const dice = Math.random()
  if (dice < 0.6) return { note: `note ${Math.random()}` }
  if (dice < 0.8) return { status: 'paid' }
  if (dice < 0.9) return { status: 'shipped' }
  return { status: 'cancelled' }
}
