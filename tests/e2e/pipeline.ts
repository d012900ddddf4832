/**
 * The running pipeline as the end-to-end tests see it: the laboratory whose parts they hurt, a writer that keeps
 * changing orders through the real API meanwhile, and the audit that has the last word.
 *
 * Nothing here knows whether the parts are processes or containers; tests/compose opens the pipeline in containers.
 */
import type { LaneReport } from '@driftlab/auditor'
import { openNativeStage } from '../../demo/native-stage.ts'
import type { Lane } from '../../demo/result.ts'
import { sinks, type SinkName } from '../../demo/sinks.ts'
import type { Stage } from '../../demo/stage.ts'
import { addresses, openLab, type Lab } from '../../infra/native/src/index.ts'
import { openTestLog, type TestLog } from './log.ts'

export { sinks, type SinkName }

export interface Pipeline {
  readonly lab: Lab
  readonly log: TestLog
  /** The addresses of the lane's two instances. */
  readonly orders: (lane: Lane) => readonly string[]
  /** Waits for the log to be drained and compares every value. */
  readonly audit: (lane: Lane) => Promise<LaneReport>
  /** How many partitions an instance of a sink has been given. */
  readonly assignedPartitions: (sink: SinkName, instance?: number) => Promise<number>
  /** The sum of a counter of a sink. */
  readonly counter: (sink: SinkName, name: string) => Promise<number>
  /** Has sinks read the whole log again, into the stores as they are. */
  readonly replay: (names: readonly SinkName[]) => Promise<void>
  /** Starts what a failed test left broken and stops what it left over, so that the next one finds a whole pipeline. */
  readonly mend: () => Promise<void>
}

/** The pipeline on plain processes. */
export async function openPipeline(environment: NodeJS.ProcessEnv = process.env): Promise<Pipeline> {
  const { lab, settings } = await openLab(environment)
  const log = openTestLog([addresses(settings).kafkaBrokers])
  return pipelineOn({ stage: await openNativeStage(environment), lab, log })
}

/** The pipeline on either runtime. */
export function pipelineOn({ stage, lab, log }: { stage: Stage; lab: Lab; log: TestLog }): Pipeline {
  return {
    lab,
    log,
    orders: stage.baseUrls,
    audit: async (lane) => {
      const report = (await stage.audit({ lanes: [lane] })).lanes[lane]
      if (report === undefined) throw new Error(`The audit has no report on lane ${lane}`)
      return report
    },
    assignedPartitions: async (sink, instance) => {
      const { checks } = JSON.parse(await stage.ask(sink, instance)('GET', '/ready')) as {
        checks: { partitions: readonly string[] }
      }
      return checks.partitions.length
    },
    counter: async (sink, name) => {
      const metrics = await stage.ask(sink)('GET', '/metrics')
      const samples = metrics.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    },
    replay: async (names) => {
      await lab.stop(names)
      await log.forgetGroups(names)
      await lab.start(names)
    },
    mend: () => lab.start(),
  }
}

/** What an audit found, in few words. */
export function findings({ verdict, doubts, examples }: LaneReport) {
  const diverged = examples.flatMap(({ key, stores }) =>
    Object.entries(stores).flatMap(([store, { status }]) => (status === 'same' ? [] : `${store} ${status} ${key}`)),
  )
  return { verdict, doubts, diverged }
}

export const consistent: ReturnType<typeof findings> = { verdict: 'consistent', doubts: [], diverged: [] }

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
  /** The orders that it writes at this moment. */
  readonly hotOrders: () => readonly string[]
  /** Ends the writing and waits for the requests in flight. */
  readonly stop: () => Promise<Outcomes>
}

/** No test needs longer; a forgotten writer ends by itself. */
const writerLifetimeMs = 180_000
const workers = 4
const hotOrdersMax = 40

/**
 * Keeps writing: creates, changes and deletes orders, several clients at once on the same few orders, so that every
 * key is hot and any lost or reordered change shows.
 */
export function startWriter(baseUrls: readonly string[], changesPerSecond = 100): Writer {
  const counts = { ok: 0, refused: 0, failed: 0, indeterminate: 0 }
  const known: string[] = []
  const endsAt = performance.now() + writerLifetimeMs
  let stopping = false

  const hotOrders = (): readonly string[] => known.slice(-hotOrdersMax)
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(Math.random() * items.length)]

  const write = async (): Promise<void> => {
    const base = pick(baseUrls) ?? ''
    const dice = Math.random()
    const id = pick(hotOrders())
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
    hotOrders,
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
