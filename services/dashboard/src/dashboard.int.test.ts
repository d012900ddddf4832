/**
 * The server on real sockets, with services that answer as ours do: what it sends, whom it lets go, and what it refuses.
 * No store takes part: the dashboard knows none.
 */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { createLogger, createMetrics, listen, type HttpServer } from '@driftlab/service'
import { eventually, freePort } from '@driftlab/stores/testing'
import express from 'express'
import { createApp } from './app.ts'
import type { TargetName } from './lanes.ts'
import { createOrderReader } from './orders.ts'
import { startSampler, type Sampler } from './sampler.ts'
import { bodyOf } from './scrape.ts'
import { liveLane } from './scrapes-for-tests.ts'
import type { Snapshot } from './snapshot.ts'
import { createViewers, messageOf, type Viewers } from './viewers.ts'

jest.setTimeout(30_000)

const soon = { deadlineMs: 10_000 }
const key = '01890a5d-ac96-774b-bcce-b302099a8057'
let pageDir: string
let service: HttpServer
let server: HttpServer
let sampler: Sampler
let viewers: Viewers
let dropped = 0
/** What the services answered so far. */
const asked = { metrics: 0, list: 0, order: 0, writes: 0 }
let auditorAnswers = true
const recordedWrites = {
  recordedSinceMs: 1_000,
  writes: [2, 3].map((revision) => ({
    id: `w${revision}`,
    operation: 'update',
    revision,
    stores: [{ store: 'postgresql', beganMs: revision, endedMs: revision + 0.5, outcome: 'acknowledged', error: null }],
  })),
}

beforeAll(async () => {
  pageDir = await mkdtemp(join(tmpdir(), 'driftlab-page-'))
  await writeFile(join(pageDir, 'index.html'), '<!doctype html><title>a page</title>')
  const services = express()
  services.get('/metrics', (_request, response) => {
    asked.metrics += 1
    response.send('sink_lag_records{partition="0"} 5\nsink_state{state="running"} 1\n')
  })
  services.get('/divergences', (_request, response) => {
    asked.list += 1
    if (!auditorAnswers) response.status(500).end()
    else response.json({ lanes: { cdc: liveLane(), 'dual-write': liveLane({ verdict: 'diverged', knownKeys: 2 }) } })
  })
  services.get('/divergences/:lane/:key', (request, response) => {
    asked.order += 1
    if (!auditorAnswers) response.status(500).end()
    else if (request.params.key === key) response.json({ key, evidence: null })
    else response.status(404).end()
  })
  services.get('/orders/:id/writes', (_request, response) => {
    asked.writes += 1
    response.json(recordedWrites)
  })
  services.all(/^\/controls/u, express.text({ type: '*/*' }), ({ method, path, headers, body }, response) => {
    response.status(headers.authorization === undefined ? 401 : 200).json({ method, path, body: body as unknown })
  })
  service = await listen(services, { host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${service.port}`
  // A port where nobody listens: one service is down all along.
  const targets = {
    'orders-cdc': [url],
    'orders-dual-write': [`http://127.0.0.1:${await freePort()}`],
    'cache-updater': [url],
    'search-indexer': [url],
    'warehouse-loader': [url],
    auditor: [url],
  } as const satisfies Record<TargetName, readonly string[]>
  viewers = createViewers({
    viewersMax: 5,
    bufferMaxBytes: 200_000,
    onDropped: () => {
      dropped += 1
    },
  })
  sampler = startSampler({
    targets,
    intervalMs: 50,
    timeoutMs: 1_000,
    pointsMax: 20,
    listMax: 50,
    onSnapshot: (snapshot) => {
      viewers.send(messageOf('snapshot', snapshot))
    },
    onFailure: (error) => {
      throw error
    },
  })
  const application = createApp({
    sampler,
    viewers,
    orders: createOrderReader(targets, { timeoutMs: 1_000 }),
    controlsUrl: url,
    pageDir,
    allowedHosts: ['dashboard.example'],
    metrics: createMetrics({ service: 'dashboard' }),
    logger: createLogger('dashboard', 'silent'),
  })
  server = await listen(application, { host: '127.0.0.1', port: 0 })
  await eventually(() => sampler.snapshot !== undefined, soon)
})

afterAll(async () => {
  viewers.close()
  await Promise.all([server.close(), service.close(), sampler.stop()])
  await rm(pageDir, { recursive: true })
})

beforeEach(() => {
  auditorAnswers = true
})

const address = (path: string): string => `http://127.0.0.1:${server.port}${path}`

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

interface Asking {
  readonly host?: string
  readonly method?: string
  readonly site?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** As no browser would send it, too: `fetch` would mend the path and the Host. */
async function ask(path: string, options: Asking = {}): Promise<Answer> {
  const sent = httpRequest({
    host: '127.0.0.1',
    port: server.port,
    path,
    method: options.method ?? 'GET',
    headers: {
      host: options.host ?? `127.0.0.1:${server.port}`,
      ...(options.site === undefined ? {} : { 'sec-fetch-site': options.site }),
      ...options.headers,
    },
  })
  sent.end(options.body)
  const [response] = (await once(sent, 'response')) as [
    NodeJS.ReadableStream & { statusCode?: number; headers: Answer['headers'] },
  ]
  const parts: Buffer[] = []
  for await (const part of response) parts.push(Buffer.from(part))
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString() }
}

/** A viewer that opens the stream and never reads it. */
async function openWithoutReading(): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.pause()
  socket.on('error', () => undefined)
  socket.write(`GET /events HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`)
  return socket
}

describe('the stream', () => {
  test('begins with the history, then says what is seen, again and again', async () => {
    const stopping = new AbortController()
    const response = await fetch(address('/events'), { signal: stopping.signal })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    let text = ''
    const decoder = new TextDecoder()
    for await (const part of bodyOf(response)) {
      text += decoder.decode(part, { stream: true })
      if (text.split('event: snapshot').length > 4 && text.endsWith('\n\n')) break
    }
    stopping.abort()
    const events = text
      .split('\n\n')
      .flatMap(
        (block) => (/^event: (\w+)\ndata: (.*)$/su.exec(block)?.slice(1) as [string, string][] | undefined) ?? [],
      )
    expect(events[0]).toBe('history')
    const snapshot = JSON.parse(String(events.at(-1))) as Snapshot
    expect(snapshot.lanes['dual-write']).toMatchObject({ verdict: 'diverged', divergedKeys: 2 })
    expect(snapshot.lanes.cdc.stores.redis).toMatchObject({ lagRecords: 5, sinkState: 'running' })
    expect(snapshot.targets['orders-dual-write']).toMatchObject({ state: 'down', why: 'nobody listens there' })
    await eventually(() => viewers.count === 0, soon)
  })

  test('lets go of a viewer that never reads, with a bounded buffer, and keeps those that do', async () => {
    const before = dropped
    const silent = await openWithoutReading()
    const stopping = new AbortController()
    const reading = await fetch(address('/events'), { signal: stopping.signal })
    const reader = (async () => {
      let bytes = 0
      for await (const part of bodyOf(reading)) bytes += part.length
      return bytes
    })().catch(() => -1)
    await eventually(() => viewers.count === 2, soon)
    const message = messageOf('filling', 'x'.repeat(50_000))
    const startBytes = process.memoryUsage().rss
    // More than the kernel takes in for a socket, so that it has to be kept here.
    for (let sent = 0; sent < 400 && dropped === before; sent += 1) {
      viewers.send(message)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(dropped).toBe(before + 1)
    expect(viewers.count).toBe(1)
    expect(process.memoryUsage().rss - startBytes).toBeLessThan(100_000_000)
    stopping.abort()
    await reader
    silent.destroy()
    await eventually(() => viewers.count === 0, soon)
  })

  test('serves so many and no more, and says so', async () => {
    const open = await Promise.all(Array.from({ length: 5 }, openWithoutReading))
    await eventually(() => viewers.count === 5, soon)
    const refused = await ask('/events')
    expect(refused.status).toBe(503)
    expect(JSON.parse(refused.text)).toMatchObject({ type: 'urn:driftlab:problem:too-many-viewers' })
    for (const socket of open) socket.destroy()
    await eventually(() => viewers.count === 0, soon)
  })

  test('keeps no more points than it may', async () => {
    await eventually(() => sampler.history.length === 20, soon)
    const [first] = sampler.history
    await eventually(() => sampler.history[0] !== first, soon)
    expect(sampler.history.length).toBe(20)
  })
})

describe('what is asked of the services', () => {
  test('does not grow with the viewers', async () => {
    const looks = async (): Promise<number> => {
      const before = asked.list
      const beganAt = sampler.snapshot?.atMs ?? 0
      await eventually(() => (sampler.snapshot?.atMs ?? 0) >= beganAt + 500, soon)
      return asked.list - before
    }
    const alone = await looks()
    const open = await Promise.all(Array.from({ length: 5 }, openWithoutReading))
    await eventually(() => viewers.count === 5, soon)
    // Twice as many would be one for each viewer and more.
    expect(await looks()).toBeLessThan(alone * 2 + 5)
    for (const socket of open) socket.destroy()
  })

  test('of an order that everybody looks at is one question', async () => {
    const before = asked.order
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`/api/orders/cdc/${key}`)))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(asked.order - before).toBe(1)
  })

  test('of how an order was written, every instance is asked once, and one that is silent is counted', async () => {
    const before = asked.writes
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`/api/orders/cdc/${key}/writes`)))
    expect(asked.writes - before).toBe(1)
    expect(JSON.parse(answers[0]?.text ?? '')).toEqual({
      instances: 1,
      silent: 0,
      writes: recordedWrites.writes.map((write) => ({ ...write, instance: 1 })),
    })
    const ofOneThatIsDown = await ask(`/api/orders/dual-write/${key}/writes`)
    expect(JSON.parse(ofOneThatIsDown.text)).toEqual({ instances: 1, silent: 1, writes: [] })
  })
})

describe('a request', () => {
  test('gets the page, which may load nothing from anywhere else and be framed by nobody', async () => {
    const { status, headers, text } = await ask('/')
    expect(status).toBe(200)
    expect(text).toContain('a page')
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers['content-security-policy']).not.toMatch(/unsafe|https?:|\*/u)
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  })

  test.each([
    'evil.example',
    `evil.example:80`,
    '127.0.0.1.evil.example',
    'localhost.evil.example:80',
    '127.0.0.1.',
    'null',
  ])('under the name %j is refused, whatever it asks for', async (host) => {
    for (const path of ['/', '/events', '/api/snapshot', `/api/orders/cdc/${key}`]) {
      const { status, text } = await ask(path, { host })
      expect({ path, status }).toEqual({ path, status: 421 })
      expect(text).toContain('wrong-host')
    }
  })

  test.each(['localhost', 'LOCALHOST:13000', '[::1]:13000', '127.0.0.1:1', 'dashboard.example:443'])(
    'under the name %j is answered',
    async (host) => {
      expect((await ask('/api/snapshot', { host })).status).toBe(200)
    },
  )

  test.each([
    ['/api/orders/no-such-lane/x', 400, 'invalid-request'],
    [`/api/orders/cdc/${'x'.repeat(201)}`, 400, 'invalid-request'],
    ['/api/orders/no-such-lane/x/writes', 400, 'invalid-request'],
    ['/api/orders/cdc/%ff', 400, 'invalid-request'],
    ['/api/orders/cdc/another', 404, 'order-not-known'],
    ['/%2e%2e/%2e%2e/package.json', 404, 'route-unknown'],
    ['/..%2f..%2fpackage.json', 404, 'route-unknown'],
    ['/.env', 404, 'route-unknown'],
    ['/nothing', 404, 'route-unknown'],
  ])('for %s is answered with %i and says why', async (path, status, code) => {
    const answer = await ask(path)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ type: `urn:driftlab:problem:${code}`, status })
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('that would change something (%s) is refused', async (method) => {
    const { status, headers } = await ask('/api/snapshot', { method })
    expect({ status, allow: headers['allow'] }).toEqual({ status: 405, allow: 'GET, HEAD' })
  })

  test('of a page of somebody else is refused, and a link from there to the page is not', async () => {
    for (const path of ['/events', '/api/snapshot', `/api/orders/cdc/${key}`]) {
      expect((await ask(path, { site: 'cross-site' })).status).toBe(403)
      expect((await ask(path, { site: 'same-site' })).status).toBe(403)
    }
    expect((await ask('/api/snapshot', { site: 'same-origin' })).status).toBe(200)
    expect((await ask('/', { site: 'cross-site' })).status).toBe(200)
  })

  test('of an orchestrator is answered under any name', async () => {
    for (const path of ['/live', '/ready', '/metrics']) {
      expect((await ask(path, { host: '10.0.0.7:8080' })).status).toBe(200)
    }
  })
})

test('while the auditor is down, the page still says what else there is', async () => {
  auditorAnswers = false
  await eventually(() => sampler.snapshot?.lanes.cdc.verdict === 'unknown', soon)
  const { status, text } = await ask('/api/snapshot')
  expect(status).toBe(200)
  expect((JSON.parse(text) as Snapshot).lanes.cdc).toMatchObject({ divergedKeys: null, lookedAtMs: null })
  const order = await ask(`/api/orders/cdc/not-asked-yet`)
  expect(order.status).toBe(503)
  expect(order.text).toContain('auditor-unavailable')
})

describe('the controls', () => {
  const action = { method: 'POST', body: '{"action":"stop-load","lane":"cdc"}' }
  const json = { 'content-type': 'application/json' }

  test('go through with the token of the caller, and without one are refused by who has them', async () => {
    const withToken = await ask('/controls/actions', { ...action, headers: { ...json, authorization: 'Bearer t' } })
    expect(withToken.status).toBe(200)
    expect(JSON.parse(withToken.text)).toEqual({ method: 'POST', path: '/controls/actions', body: action.body })
    expect((await ask('/controls/actions', { ...action, headers: json })).status).toBe(401)
    expect((await ask('/controls')).status).toBe(401)
  })

  test.each([
    ['another site', { site: 'cross-site', headers: json }],
    ['another origin', { headers: { ...json, origin: 'http://evil.example' } }],
    ['this address under another name', { host: 'evil.example', headers: json }],
  ])('are not for a page of %s', async (_who, options) => {
    const headers = { ...options.headers, authorization: 'Bearer t' }
    const { status } = await ask('/controls/actions', { ...action, ...options, headers })
    expect([403, 421]).toContain(status)
  })

  test('take no large body', async () => {
    const { status } = await ask('/controls/actions', { method: 'POST', body: `"${'x'.repeat(2_000)}"`, headers: json })
    expect(status).toBe(400)
  })
})
