/**
 * The k6 script: sends the plan of plan.ts to the orders service of one lane, at a constant arrival rate.
 *
 * The model is open: clients arrive at RATE whether the service keeps up or not, so a slow service shows as waiting
 * clients and dropped iterations instead of quietly lowering the load. Client `i` sends operation `i` of the plan; what
 * the service answers never changes what is sent, so each lane gets the same requests.
 *
 * An answer that the business allows is not a failure: an order that was cancelled, deleted or changed meanwhile is
 * refused with a 4xx (`refused`). A 502 is a change that reached some stores and not all (`partial_failures`), anything
 * else is a failure. It does not look into any store: telling who drifted is the auditor's work.
 *
 * Settings: BASE_URLS, LANE, RATE, DURATION, SEED; `make load-test` fills them in.
 */
import {
  batch,
  expectedStatuses,
  post,
  setResponseCallback,
  type BatchRequest,
  type RefinedResponse,
  type ResponseType,
} from 'k6/http'
import exec from 'k6/execution'
import { Counter } from 'k6/metrics'
import type { Options } from 'k6/options'
import { changesPerOperation, createPlan, operationCount, type Change, type NewOrder } from './plan.ts'
import { assertBounded, parseBaseUrls, parseDurationMs, parseLane, parseRate, parseSeed } from './settings.ts'

const settings = {
  lane: setting('LANE', parseLane, 'cdc'),
  baseUrls: setting('BASE_URLS', parseBaseUrls),
  rate: setting('RATE', parseRate, '150'),
  durationMs: setting('DURATION', parseDurationMs, '60s'),
  seed: setting('SEED', parseSeed, '7'),
}
assertBounded(settings)

const operations = operationCount(settings)
const plan = createPlan({ seed: settings.seed, operations })

/** A load of a laptop-sized stack answers well within this; beyond it, the run says more about the machine. */
const p99Ms = 1_000
const setupBatchSize = 20
/** Creations that may fail before the load; more than these say that the lane is not up. */
const setupFailuresMax = 20
const requestTimeout = '10s'

export const options = {
  scenarios: {
    changes: {
      executor: 'constant-arrival-rate',
      // A whole number of operations for every ten seconds, because one operation may be several changes.
      rate: Math.max(1, Math.round((settings.rate * 10) / changesPerOperation)),
      timeUnit: '10s',
      duration: `${settings.durationMs}ms`,
      preAllocatedVUs: Math.min(100, Math.max(10, Math.ceil(settings.rate / 5))),
      maxVUs: Math.min(1_000, Math.max(50, settings.rate)),
      gracefulStop: '15s',
    },
  },
  setupTimeout: '180s',
  batch: setupBatchSize,
  batchPerHost: setupBatchSize,
  discardResponseBodies: true,
  summaryTrendStats: ['avg', 'min', 'med', 'p(90)', 'p(99)', 'max'],
  thresholds: {
    'http_req_failed{scenario:changes}': ['rate<0.01'],
    'http_req_duration{scenario:changes}': [`p(99)<${p99Ms}`],
    // Only a warning in run.ts: the load was lower than asked, what was sent is still sound.
    dropped_iterations: [`count<=${Math.floor(operations / 100)}`],
  },
} satisfies Omit<Options, 'scenarios'> & { scenarios: Record<string, object> }

const refusals = [404, 409, 410, 412]
setResponseCallback(expectedStatuses({ min: 200, max: 299 }, ...refusals))

const changes = new Counter('changes')
const refused = new Counter('refused')
const partialFailures = new Counter('partial_failures')
const failures = new Counter('failures')

interface Population {
  readonly ids: readonly string[]
}

/**
 * Creates the orders that the load will change. It begins with one at a time, as traffic after a start does, because
 * stores that were just started are slow at first. A creation that fails half-way is counted and made up for.
 *
 * @throws when the service refuses an order, or keeps failing: no load then.
 */
export function setup(): Population {
  const ids: string[] = []
  let failed = 0
  for (let size = 1; ids.length < plan.populationSize; size = Math.min(setupBatchSize, 2 * size)) {
    const first = ids.length
    const wanted = Math.min(size, plan.populationSize - first)
    const answers = batch(
      Array.from({ length: wanted }, (_, n) => createRequest(baseUrl(first + n), plan.initialOrder(first + n))),
    )
    for (const answer of answers) {
      if (answer.status >= 500 && failed < setupFailuresMax) {
        failed += 1
        count(answer)
      } else {
        ids.push(createdId(answer))
      }
    }
  }
  return { ids }
}

export default function operation(population: Population): void {
  const i = exec.scenario.iterationInTest
  const planned = plan.operation(i)
  switch (planned.kind) {
    case 'create': {
      const request = createRequest(baseUrl(i), planned.order)
      const answer = post(request.url, request.body, request.params)
      count(answer)
      if (answer.status === 201) send(createdId(answer), planned.followUp, i + 1)
      return
    }
    case 'single':
    case 'pair':
      send(population.ids[planned.target] ?? '', planned.changes, i)
  }
}

/** Sends the changes of one order at the same moment, each from a client of its own, spread over the instances. */
function send(id: string, planned: readonly Change[], i: number): void {
  if (planned.length === 0) return
  const answers = batch(planned.map((change, client) => changeRequest(`${baseUrl(i + client)}/orders/${id}`, change)))
  for (const answer of answers) count(answer)
}

function count(answer: RefinedResponse<ResponseType>): void {
  if (answer.status >= 200 && answer.status < 300) changes.add(1)
  else if (refusals.includes(answer.status)) refused.add(1)
  else if (answer.status === 502) partialFailures.add(1)
  else failures.add(1)
}

/** What a load balancer does: each request goes to the next instance. */
function baseUrl(n: number): string {
  return settings.baseUrls[n % settings.baseUrls.length] ?? ''
}

const json = { 'Content-Type': 'application/json' }

interface CreateRequest {
  readonly method: 'POST'
  readonly url: string
  readonly body: string
  readonly params: { headers: Record<string, string>; responseType: 'text'; timeout: string; tags: { name: string } }
}

function createRequest(base: string, order: NewOrder): CreateRequest {
  return {
    method: 'POST',
    url: `${base}/orders`,
    body: JSON.stringify(order),
    params: { headers: json, responseType: 'text', timeout: requestTimeout, tags: { name: 'POST /orders' } },
  }
}

function changeRequest(url: string, change: Change): BatchRequest {
  const params = { headers: json, timeout: requestTimeout }
  const patch = (body: object): BatchRequest => ({
    method: 'PATCH',
    url,
    body: JSON.stringify(body),
    params: { ...params, tags: { name: 'PATCH /orders/:id' } },
  })
  switch (change.kind) {
    case 'note':
      return patch({ note: change.note })
    case 'advance':
      return patch({ status: change.status })
    case 'cancel':
      return patch({ status: 'cancelled' })
    case 'delete':
      return { method: 'DELETE', url, body: null, params: { ...params, tags: { name: 'DELETE /orders/:id' } } }
  }
}

function createdId(answer: RefinedResponse<ResponseType>): string {
  const body: unknown = answer.status === 201 && typeof answer.body === 'string' ? JSON.parse(answer.body) : undefined
  if (typeof body === 'object' && body !== null && 'id' in body && typeof body.id === 'string') return body.id
  throw new Error(
    `POST ${answer.url} answered ${answer.status} ${answer.error} instead of 201 with an id; is the lane up? See make status`,
  )
}

function setting<T>(name: string, parse: (text: string) => T, fallback = ''): T {
  try {
    return parse(__ENV[name] ?? fallback)
  } catch (error) {
    throw new Error(`${name} ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

interface Summary {
  readonly metrics: Record<
    string,
    | { readonly values: Record<string, number>; readonly thresholds?: Record<string, { readonly ok: boolean }> }
    | undefined
  >
}

/** Writes the figures in the shape that run.ts reads (`summarySchema` there). */
export function handleSummary(summary: Summary): Record<string, string> {
  const value = (metric: string, statistic: string): number => summary.metrics[metric]?.values[statistic] ?? 0
  const latency = 'http_req_duration{scenario:changes}'
  const figures = {
    operations: value('iterations', 'count'),
    plannedOperations: operations,
    populationSize: plan.populationSize,
    changes: value('changes', 'count'),
    refused: value('refused', 'count'),
    partialFailures: value('partial_failures', 'count'),
    failures: value('failures', 'count'),
    droppedOperations: value('dropped_iterations', 'count'),
    latencyMs: { p50: value(latency, 'med'), p99: value(latency, 'p(99)'), max: value(latency, 'max') },
    crossedThresholds: Object.entries(summary.metrics).flatMap(([metric, found]) =>
      Object.entries(found?.thresholds ?? {}).flatMap(([threshold, { ok }]) => (ok ? [] : [{ metric, threshold }])),
    ),
  }
  return { stdout: `${JSON.stringify(figures, undefined, 2)}\n` }
}
