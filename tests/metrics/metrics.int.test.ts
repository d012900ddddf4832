/**
 * Dashboards, rules and documentation speak of metrics that exist: each is held against what the running services
 * really expose, the auditor and the dashboard among them, which are started for this.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { eventually, freePort } from '@driftlab/stores/testing'
import { parse } from 'yaml'
import { z } from 'zod'
import { openLab, type ComponentName } from '../../infra/native/src/index.ts'
import { randomOrder, request } from '../e2e/pipeline.ts'
import { readExpositions, withLabels, type Catalog, type Metric } from './exposition.ts'
import { check } from './promql.ts'
import { alertQuery, queriesOf, readDashboards, readRules, type Query } from './queries.ts'

jest.setTimeout(120_000)

const root = join(import.meta.dirname, '../..')
const services = [
  'orders-cdc-1',
  'orders-dual-write-1',
  'cache-updater',
  'search-indexer',
  'warehouse-loader',
  'queries',
] as const satisfies readonly ComponentName[]

/** Started for this: they run beside the laboratory, not in it. */
const watchers: ChildProcess[] = []
/** What the services expose, as they expose it. */
let exposed: Catalog
/** What can be asked for: with the labels that Prometheus adds, its own metrics and what the rules record. */
let catalog: Catalog
let jobs: readonly string[]

beforeAll(async () => {
  const { lab } = await openLab()
  const urls = services.map((name) => lab.address(name).url)
  const metricsOf = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text()

  const startWatcher = async (script: string, environment: Readonly<Record<string, string>>): Promise<string> => {
    const port = await freePort()
    const watcher = spawn(process.execPath, [...script.split(' ')], {
      cwd: root,
      env: { ...process.env, ...environment, PORT: String(port), LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    watchers.push(watcher)
    return `http://127.0.0.1:${port}`
  }
  const auditorUrl = await startWatcher('services/auditor/src/main.ts --continuous', {})
  const [ordersCdc = '', ordersDualWrite = '', cacheUpdater = '', searchIndexer = '', warehouseLoader = ''] = urls
  const dashboardUrl = await startWatcher('services/dashboard/src/main.ts', {
    ORDERS_CDC_URLS: ordersCdc,
    ORDERS_DUAL_WRITE_URLS: ordersDualWrite,
    CACHE_UPDATER_URL: cacheUpdater,
    SEARCH_INDEXER_URL: searchIndexer,
    WAREHOUSE_LOADER_URL: warehouseLoader,
    AUDITOR_URL: auditorUrl,
  })
  urls.push(auditorUrl, dashboardUrl)

  // A change has to pass every sink: lag and latency have no series before.
  for (const url of urls.slice(0, 2)) {
    const created = await request('POST', `${url}/orders`, randomOrder())
    if (created.status !== 201) throw new Error(`${url} takes no order: ${created.status}`)
    await created.arrayBuffer()
  }
  await eventually(
    async () => {
      exposed = readExpositions(await Promise.all(urls.map(metricsOf)))
      const perSink = exposed.get('sink_lag_records')?.labels.get('service')
      const ofAuditor = ['driftlab_audit_last_timestamp_seconds', 'driftlab_live_last_timestamp_seconds']
      return perSink !== 'any' && perSink?.size === 3 && ofAuditor.every((name) => exposed.has(name))
    },
    { deadlineMs: 90_000, what: 'a change in every store and an audit' },
  )
  const configuration = z
    .looseObject({ scrape_configs: z.array(z.looseObject({ job_name: z.string() })) })
    .parse(parse(await readFile(join(root, 'infra/prometheus/prometheus.yml'), 'utf8')))
  jobs = configuration.scrape_configs.map(({ job_name }) => job_name)
  catalog = await everythingToAskFor(exposed)
})

afterAll(async () => {
  for (const watcher of watchers.filter(({ exitCode }) => exitCode === null)) {
    watcher.kill('SIGTERM')
    await once(watcher, 'exit')
  }
})

async function everythingToAskFor(scraped: Catalog): Promise<Catalog> {
  const scraper = labelled(['job', new Set(jobs)], ['instance', 'any'])
  const everything = new Map(withLabels(scraped, scraper))
  // Which answers there were depends on the load.
  for (const [name, { type, labels }] of everything) {
    if (labels.has('status')) everything.set(name, { type, labels: new Map([...labels, ['status', 'any']]) })
  }
  everything.set('up', { type: 'gauge', labels: scraper })
  const { recording, alerting } = await readRules()
  for (const { record, expr } of recording) everything.set(record, { type: 'gauge', labels: anyOf(expr, everything) })
  const ofAlerts = alerting.flatMap(({ expr }) => [...anyOf(expr, everything)])
  everything.set('ALERTS', {
    type: 'gauge',
    labels: labelled(
      ...ofAlerts,
      ['alertname', new Set(alerting.map(({ alert }) => alert))],
      ['alertstate', new Set(['pending', 'firing'])],
      ['severity', new Set(alerting.map(({ labels }) => labels.severity))],
    ),
  })
  return everything
}

function labelled(...labels: readonly (readonly [string, ReadonlySet<string> | 'any'])[]): Metric['labels'] {
  return new Map(labels)
}

function anyOf(expression: string, known: Catalog): ReadonlyMap<string, 'any'> {
  return new Map([...check(expression, known).labels].map((label) => [label, 'any']))
}

/** What is wrong with the queries, each with where it stands. */
function faultsOf(queries: readonly Query[]): readonly string[] {
  return queries.flatMap(({ where, expression, shows }) => {
    const { faults, labels } = check(expression, catalog)
    const unknown = faults.length > 0 ? [] : shows.filter((label) => !labels.has(label))
    return [...faults, ...unknown.map((label) => `shows label ${label}, which the answer does not have`)].map(
      (fault) => `${where}: ${fault}`,
    )
  })
}

test('every panel and every variable of every dashboard asks for metrics, labels and values that exist', async () => {
  const queries = [...(await readDashboards())].flatMap(([file, dashboard]) => queriesOf(file, dashboard))
  expect(queries.length).toBeGreaterThan(0)
  expect(faultsOf(queries)).toEqual([])
})

test('every rule does', async () => {
  const { recording, alerting } = await readRules()
  const recorded = recording.map(({ record, expr }) => ({ where: `rules.yml: ${record}`, expression: expr, shows: [] }))
  expect(faultsOf([...recorded, ...alerting.map(alertQuery)])).toEqual([])
})

test('an alert misses every service that is asked for metrics', async () => {
  const { alerting } = await readRules()
  const missing = alerting.find(({ alert }) => alert === 'TargetMissing')?.expr ?? ''
  expect([...missing.matchAll(/job="([^"]+)"/gu)].map(([, job]) => job)).toEqual(jobs)
})

test('the documentation names every metric of ours and every alert, and no other', async () => {
  const text = await readFile(join(root, 'docs/observability.md'), 'utf8')
  const documented = [...text.matchAll(/^\| `([a-z_]+)` +\| [^|]* \| ([^|]*) \|/gmu)].map(
    ([, name = '', labels = '']) => ({
      name,
      labels: [...labels.matchAll(/`(\w+)`/gu)].map(([, label = '']) => label).sort(),
    }),
  )
  const ours = [...exposed].filter(([name]) => /^(driftlab|sink)_/u.test(name) && !/_(bucket|sum)$/u.test(name))
  // What a process says of itself, by its labels `service` and `lane`, is the same for all and said once.
  const own = ours.map(([name, { labels }]) => ({
    name: name.replace(/(_seconds|_ms)_count$/u, '$1'),
    labels: [...labels.keys()]
      .filter((label) => label !== 'service' && !(isOfProcess(name) && label === 'lane'))
      .sort(),
  }))
  const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name)
  expect(documented.toSorted(byName)).toEqual(own.toSorted(byName))

  const { alerting } = await readRules()
  const alerts = [...text.matchAll(/^\| `([A-Z][A-Za-z]+)` +\|/gmu)].map(([, name]) => name)
  expect(alerts.toSorted()).toEqual(alerting.map(({ alert }) => alert).toSorted())
})

/** The auditor serves all lanes, so there `lane` is a label of the metric and not of the process. */
function isOfProcess(name: string): boolean {
  const values = exposed.get(name)?.labels.get('service')
  return values !== 'any' && values?.has('auditor') === false
}
