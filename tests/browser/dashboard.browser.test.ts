/**
 * The live page in a real browser, on the real pipeline: what it shows is what the stores hold, it complains of nothing,
 * and whoever cannot see it or has no mouse can use it as well.
 */
import { execFile } from 'node:child_process'
import { appendFile, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { connectClickHouse, connectElasticsearch, connectPostgres, connectRedis } from '@driftlab/stores'
import { eventually, testSettings } from '@driftlab/stores/testing'
import type { Browser, Locator, Page } from 'playwright-core'
import { placeOrder, updateNote } from '../../experiments/laboratory/orders-client.ts'
import { openLab, type NativeLab } from '../../infra/native/src/index.ts'
import { openPipeline, startWriter, type Pipeline } from '../e2e/pipeline.ts'
import { listenTo, openBrowser, schemes, screens, type Complaints } from './browser.ts'

jest.setTimeout(180_000)

const root = join(import.meta.dirname, '../..')
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
/** A lane with writes in flight is judged ten seconds after a change, and a machine may be busy. */
const soon = { deadlineMs: 90_000, intervalMs: 200 }

let lab: NativeLab
let token: string
let pipeline: Pipeline
let browser: Browser
let page: Page
let complaints: Complaints
let origin: string

beforeAll(async () => {
  // In a process of its own: the builder's native part does not know the objects of the test runner's realm.
  await promisify(execFile)(process.execPath, [join(root, 'services/dashboard/build.ts')])
  // As make up has it: links that can be cut. A later line wins, and the laboratory ends with this run.
  const { layout } = await openLab()
  await appendFile(layout.envFile, 'LINKS=proxied\n')
  const opened = await openLab()
  lab = opened.lab
  token = opened.settings.CONTROLS_TOKEN
  pipeline = await openPipeline()
  await lab.start([...lab.components, 'dashboard', 'controls'])
  origin = lab.address('dashboard').url
  browser = await openBrowser()
  page = await browser.newPage({ viewport: screens.desktop })
  complaints = listenTo(page, origin)
  await page.goto(`${origin}/`)
  await page.locator('.lane').first().waitFor()
}, 240_000)

afterAll(async () => {
  await browser.close()
  await lab.stop(['controls', 'dashboard', 'auditor'])
  await pipeline.mend()
}, 120_000)

const shown = async (lane: 'cdc' | 'dual-write'): Promise<string> =>
  (await page.locator(`[data-diverged="${lane}"]`).innerText()).replaceAll(',', '')
const seen = (locator: Locator): Promise<boolean> => locator.isVisible()

test('loads without a complaint, asks nobody but its own server, and is small', async () => {
  const sizes: number[] = []
  const other = await browser.newPage()
  const heard = listenTo(other, origin)
  other.on('response', (response) => {
    if (!response.url().endsWith('.js')) return
    void response.body().then((body) => sizes.push(gzipSync(body).length))
  })
  await other.goto(`${origin}/`)
  await other.locator('.lane').first().waitFor()
  await eventually(() => sizes.length > 0, { deadlineMs: 5_000 })
  expect(heard).toEqual({ said: [], elsewhere: [] })
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000)
  await other.close()
})

test('under load the number of dual writes that differ rises, and that of the log stays at zero', async () => {
  await eventually(async () => /^\d+$/u.test(await shown('dual-write')), soon)
  const before = Number(await shown('dual-write'))
  const ofCdc = new Set<string>()
  const writers = (['cdc', 'dual-write'] as const).map((lane) => startWriter(pipeline.orders(lane)))
  try {
    await eventually(async () => {
      ofCdc.add(await shown('cdc'))
      return Number(await shown('dual-write')) > before
    }, soon)
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()))
  }
  // Whatever was on its way has arrived by then, and every order has been judged.
  await eventually(async () => {
    ofCdc.add(await shown('cdc'))
    return seen(
      page
        .getByRole('region', { name: 'Change data capture' })
        .getByText('Every store says what PostgreSQL says.', { exact: false })
        .first(),
    )
  }, soon)
  // A dash is what the page shows while the auditor takes longer than a second to answer.
  expect([...ofCdc].filter((text) => text !== '–')).toEqual(['0'])
  expect(Number(await shown('dual-write'))).toBeGreaterThan(before)
  await eventually(() => seen(page.getByText('Nothing mends them').first()), soon)
})

test('an order shows, field by field, what psql, Redis, Elasticsearch and ClickHouse say of it', async () => {
  const row = page
    .locator('.list tbody tr', { hasText: 'Dual writes' })
    .filter({ hasText: /stale|missing/u })
    .first()
  const id = await row.locator('button').innerText()
  await row.locator('button').click()
  const inspector = page.locator('.inspector')
  await inspector.locator('.fields').waitFor()
  const held = await whatStoresHold(id)
  const fields = ['status', 'note', 'revision', 'total_cents', 'customer_name'] as const
  for (const field of fields) {
    const line = inspector.locator('tbody tr', { has: page.getByRole('rowheader', { name: field, exact: true }) })
    const cells = await line.locator('td').allTextContents()
    const values = [held.postgres, held.redis, held.elasticsearch, held.clickhouse].map((values_) =>
      cut(values_?.[field]),
    )
    expect({ id, field, cells: cells.map((cell) => cell.replace(/^differs: /u, '')) }).toEqual({
      id,
      field,
      cells: values,
    })
  }
  // Either a field is marked, or the store does not hold it at all.
  const marks = await inspector.locator('mark').count()
  const missing = await inspector.getByText('missing: holds nothing').count()
  expect(marks + missing).toBeGreaterThan(0)
  await page.keyboard.press('Escape')
  await eventually(async () => !(await seen(inspector)), soon)
})

test('the anatomy of a race has its two writers in the order of the history, and says who overtook whom', async () => {
  const rows = page.locator('.list tbody tr', { hasText: 'Dual writes' }).locator('button')
  // Ten clients at once, on two instances: the longer the way to a store, the likelier one of them is overtaken on it.
  const ids: string[] = []
  const urls = pipeline.orders('dual-write')
  const clientOf = (client: number) => ({ baseUrl: urls[client % urls.length] ?? '' })
  for (let order = 0; order < 15; order += 1) {
    const id = await placeOrder(clientOf(order))
    ids.push(id)
    await Promise.all(Array.from({ length: 10 }, (_, client) => updateNote(clientOf(client), id, `by ${client}`)))
  }
  let race: (ShownRace & { readonly id: string }) | undefined
  await eventually(async () => {
    for (const id of await rows.allInnerTexts()) {
      if (!ids.includes(id)) continue
      // It may be gone from the list by now, or not be explained.
      const opened = await rows
        .filter({ hasText: id })
        .click({ timeout: 1_000 })
        .then(() => page.locator('.anatomy li').first().waitFor({ timeout: 2_000 }))
        .then(
          () => true,
          () => false,
        )
      const shown = opened ? await page.evaluate<ShownRace | null>(readRace) : null
      if (shown === null) continue
      race = { id, ...shown }
      return true
    }
    return false
  }, soon)
  if (race === undefined) throw new Error('eventually() returned without a race')
  const { id, store, older, newer, legend } = race
  const history = await writesOf(id)
  const writeOf = (label: string): Write | undefined => {
    const caption = legend.find((text) => text.startsWith(`${label}:`)) ?? ''
    const revision = Number(/revision (?<revision>\d+)/u.exec(caption)?.groups?.['revision'])
    const isRemoval = caption.includes(': remove')
    return history.find(
      (write) => (write.operation === 'remove') === isRemoval && (isRemoval || write.revision === revision),
    )
  }
  const [first, second] = [writeOf(older), writeOf(newer)]
  const at = (write: Write | undefined): Write['stores'][number] | undefined =>
    write?.stores.findLast((step) => step.store === store)
  expect(legend.map((text) => text[0])).toEqual(legend.map((_, index) => 'ABCDEF'[index]))
  // In PostgreSQL the newer came second, as the revisions say; in the store it did not.
  expect(older < newer).toBe(true)
  expect(first?.revision).toBeLessThanOrEqual(second?.revision ?? 0)
  expect(at(second)?.beganMs).toBeLessThan(at(first)?.endedMs ?? 0)
  await page.keyboard.press('Escape')
})

test('can be used without a mouse: an order opens with Enter, takes the focus, and closes with Escape', async () => {
  const button = page.locator('button.order').first()
  await button.focus()
  await page.keyboard.press('Enter')
  await page.locator('.inspector').waitFor()
  await eventually(async () => (await page.locator('#inspector-title:focus').count()) === 1, soon)
  await page.keyboard.press('Escape')
  await eventually(async () => (await page.locator('.inspector').count()) === 0, soon)
})

test.each(schemes)(
  'axe finds nothing serious in the %s theme, on a desk or a phone, and nothing sticks out',
  async (scheme) => {
    await page.emulateMedia({ colorScheme: scheme })
    await page.locator('button.order').first().click()
    await page.locator('.inspector .fields').waitFor()
    for (const size of Object.values(screens)) {
      await page.setViewportSize(size)
      await page.evaluate(await readFile(axe, 'utf8'))
      const { violations } = await page.evaluate<{ violations: readonly { id: string; impact: string | null }[] }>(
        'axe.run()',
      )
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      expect(serious.map(({ id }) => id)).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    }
    await page.keyboard.press('Escape')
    await page.setViewportSize(screens.desktop)
  },
)

const faultsOfElasticsearch = [
  {
    name: 'Elasticsearch that is paused from the page',
    choose: { label: 'component', option: 'elasticsearch' },
    press: 'pause elasticsearch',
    undo: 'Undo: let elasticsearch go on',
    says: ['elasticsearch stands still', 'elasticsearch goes on'],
  },
  {
    name: 'Elasticsearch behind a link that is cut from the page',
    choose: { label: 'link', option: 'search-indexer-to-elasticsearch' },
    press: 'cut search-indexer-to-elasticsearch',
    undo: 'Undo: mend search-indexer-to-elasticsearch',
    says: ['search-indexer-to-elasticsearch is cut', 'search-indexer-to-elasticsearch is mended'],
  },
] as const

test.each(faultsOfElasticsearch)('$name falls behind, and catches up once that is undone', async (fault) => {
  const steering = await browser.newPage({ viewport: screens.desktop })
  await steering.goto(`${origin}/#token=${token}`)
  const controls = steering.getByRole('region', { name: 'Load and faults' })
  await controls.waitFor()
  expect(steering.url()).toBe(`${origin}/`)
  const behind = async (): Promise<number> => {
    const row = steering
      .getByRole('region', { name: 'The stores of Change data capture' })
      .locator('tbody tr', { hasText: 'Elasticsearch' })
    return Number((await row.locator('td').nth(2).innerText()).replaceAll(',', '').replace('–', 'NaN'))
  }
  await controls.getByRole('button', { name: 'Start the load on Change data capture' }).click()
  await controls.getByLabel(fault.choose.label).selectOption(fault.choose.option)
  await controls.getByRole('button', { name: fault.press }).click()
  await eventually(async () => (await behind()) > 100, soon)
  await controls.getByRole('button', { name: fault.undo }).click()
  await controls.getByRole('button', { name: 'Stop the load on Change data capture' }).click()
  await eventually(async () => (await behind()) === 0, soon)
  const done = await controls.locator('.log').innerText()
  for (const text of [...fault.says, 'the load on cdc has ended']) expect(done).toContain(text)
  await steering.close()
})

test('without the token there is nothing to press, and an action is refused', async () => {
  const reading = await browser.newPage()
  await reading.goto(`${origin}/`)
  const controls = reading.getByRole('region', { name: 'Load and faults' })
  await controls.waitFor()
  expect(await controls.getByRole('button').count()).toBe(0)
  const answers = await reading.evaluate<readonly number[]>(`
    Promise.all([{}, { Authorization: 'Bearer 0123456789abcdef' }].map((headers) =>
      fetch('controls/actions', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: '{"action":"kill","component":"redis"}',
      }).then(({ status }) => status)))`)
  expect(answers).toEqual([401, 401])
  expect((await lab.status()).find(({ name }) => name === 'redis')?.state).toBe('ready')
  await reading.close()
})

test('a service that is down is shown as down, and as up again, while the page stays', async () => {
  await lab.kill('cache-updater')
  await eventually(() => seen(page.getByText('cache-updater is down.', { exact: false }).first()), soon)
  await lab.start(['cache-updater'])
  await eventually(() => seen(page.locator('.services .up', { hasText: 'cache-updater' })), soon)
})

test('while its own server is away, the page says how old it is, and goes on by itself afterwards', async () => {
  expect(complaints).toEqual({ said: [], elsewhere: [] })
  await lab.kill('dashboard')
  await eventually(() => seen(page.getByText(/What is shown is \d+ s old/u)), soon)
  await lab.start(['dashboard'])
  await eventually(() => seen(page.getByText('Live, a look a second.')), soon)
})

interface ShownRace {
  readonly store: string
  /** Labels of the writes that the store and PostgreSQL hold. */
  readonly older: string
  readonly newer: string
  readonly legend: readonly string[]
}

/** All at one moment: the page asks again every other second, and the writer goes on. */
const readRace = `(() => {
  const overtaken = document.querySelector('.anatomy [data-cause="overtaken"]')
  if (overtaken === null) return null
  const holder = (store) => document.querySelector('[data-holder="' + store + '"]').textContent.replace('holds ', '')
  const { store } = overtaken.dataset
  const legend = [...document.querySelectorAll('.writers li')].map((item) => item.textContent)
  return { store, older: holder(store), newer: holder('postgresql'), legend }
})()`

interface Write {
  readonly operation: string
  readonly revision: number
  readonly stores: readonly { readonly store: string; readonly beganMs: number; readonly endedMs: number }[]
}

/** As the services themselves tell it. */
async function writesOf(id: string): Promise<readonly Write[]> {
  const answers = await Promise.all(
    (['orders-dual-write-1', 'orders-dual-write-2'] as const).map(async (name) => {
      const response = await fetch(`${lab.address(name).url}/orders/${id}/writes`)
      return ((await response.json()) as { readonly writes: readonly Write[] }).writes
    }),
  )
  return answers.flat()
}

type Values = Readonly<Record<string, unknown>>

/** As one would ask by hand; each under the names of PostgreSQL's columns. */
async function whatStoresHold(id: string) {
  const settings = testSettings()
  const postgres = connectPostgres(settings.postgresUrl)
  const redis = connectRedis(settings.redisUrl)
  const elasticsearch = connectElasticsearch(settings.elasticsearchUrl)
  const clickhouse = connectClickHouse(settings.clickhouseUrl)
  try {
    await eventually(() => redis.status === 'ready', { deadlineMs: 5_000 })
    const { rows } = await postgres.query<Values>('select * from dual_write.orders where id = $1', [id])
    const document = await redis.hget(`dual-write:order:${id}`, 'document')
    const found = await elasticsearch.search<Values>({ index: 'dual-write-orders', query: { ids: { values: [id] } } })
    const answer = await clickhouse.query({
      query: 'select * from dual_write.orders where id = {id:String}',
      query_params: { id },
      format: 'JSONEachRow',
    })
    const [inWarehouse] = await answer.json<Values>()
    return {
      postgres: rows[0],
      redis: document === null ? undefined : underColumns(JSON.parse(document) as Values),
      elasticsearch: underColumns(found.hits.hits[0]?._source),
      clickhouse: inWarehouse,
    }
  } finally {
    redis.disconnect()
    await Promise.all([postgres.end(), elasticsearch.close(), clickhouse.close()])
  }
}

function underColumns(document: Values | undefined): Values | undefined {
  if (document === undefined) return undefined
  return { ...document, total_cents: document['totalCents'], customer_name: document['customerName'] }
}

/** The page cuts long texts, as the auditor does. */
function cut(value: unknown): string {
  if (value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}
