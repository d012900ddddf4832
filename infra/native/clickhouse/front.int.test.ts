/**
 * The front as its clients see it: each suite starts the real process on a free port with a data folder of its own.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { ClickHouseError, ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client'
import { eventually, freePort } from '@driftlab/stores/testing'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { dropLane, setUpLane } from '../../clickhouse/lane.ts'

jest.setTimeout(60_000)

const administrator = { user: 'lab_admin', password: "an admin's: pass" }
const main = join(import.meta.dirname, 'main.ts')

interface RunningFront {
  readonly url: string
  readonly port: number
  readonly process: ChildProcess
  readonly exited: Promise<number | null>
  output(): string
}

const spawned: ChildProcess[] = []

function spawnFront(environment: Readonly<Record<string, string>>): Omit<RunningFront, 'url' | 'port'> {
  const child = spawn(process.execPath, [main], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  spawned.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const exited = once(child, 'close').then(([code]) => code as number | null)
  return { process: child, exited, output: () => output }
}

function environmentOf(folder: string, port: number): Record<string, string> {
  return {
    PORT: String(port),
    CLICKHOUSE_DATA_PATH: folder,
    CLICKHOUSE_ADMIN_USER: administrator.user,
    CLICKHOUSE_ADMIN_PASSWORD: administrator.password,
  }
}

async function startFront(folder: string): Promise<RunningFront> {
  const port = await freePort()
  const front = { ...spawnFront(environmentOf(folder, port)), port, url: `http://127.0.0.1:${port}` }
  await eventually(
    async () => {
      if (front.process.exitCode !== null) throw new Error(`The front ended: ${front.output()}`)
      return (await fetch(`${front.url}/ping`)).ok
    },
    { deadlineMs: 20_000, what: 'the front answers /ping' },
  )
  return front
}

function connect(
  front: RunningFront,
  account: { readonly user: string; readonly password: string } = administrator,
  options: { readonly database?: string; readonly compress?: boolean } = {},
): ClickHouseClient {
  return createClient({
    url: front.url,
    username: account.user,
    password: account.password,
    max_open_connections: 16,
    // Failures are what some tests are about.
    log: { level: ClickHouseLogLevel.OFF },
    ...(options.database === undefined ? {} : { database: options.database }),
    compression: { request: options.compress === true, response: options.compress === true },
  })
}

async function rowsOf<Row>(
  client: ClickHouseClient,
  query: string,
  parameters: Record<string, unknown> = {},
): Promise<Row[]> {
  const result = await client.query({ query, format: 'JSONEachRow', query_params: parameters })
  return result.json<Row>()
}

async function errorOf(work: Promise<unknown>): Promise<ClickHouseError> {
  try {
    await work
  } catch (error) {
    if (error instanceof ClickHouseError) return error
    throw error
  }
  throw new Error('It succeeded, and should not have')
}

let folder: string
let front: RunningFront
let client: ClickHouseClient

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driftlab-clickhouse-'))
  front = await startFront(join(folder, 'shared'))
  client = connect(front)
  await client.command({ query: 'CREATE DATABASE lab' })
  await client.command({
    query: 'CREATE TABLE lab.notes (id UInt64, text String) ENGINE = MergeTree ORDER BY id',
  })
})

afterAll(async () => {
  await client.close()
  front.process.kill('SIGTERM')
  await front.exited
  // A test that failed may have left its process behind.
  for (const child of spawned) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

async function raw(search: string, init: RequestInit & { readonly anonymous?: boolean } = {}): Promise<Response> {
  const token = Buffer.from(`${administrator.user}:${administrator.password}`).toString('base64')
  return fetch(`${front.url}/${search}`, {
    ...init,
    headers: { ...(init.anonymous === true ? {} : { authorization: `Basic ${token}` }), ...(init.headers as object) },
  })
}

const search = (parameters: Record<string, string>): string => `?${new URLSearchParams(parameters).toString()}`

describe('the official client', () => {
  test('pings, with and without a query', async () => {
    expect(await client.ping()).toEqual({ success: true })
    expect(await client.ping({ select: true })).toEqual({ success: true })
  })

  test('inserts objects, raw text and streams, and reads them back', async () => {
    await client.insert({
      table: 'lab.notes',
      values: [{ id: 1, text: 'ä "quoted"\n\n; line' }],
      format: 'JSONEachRow',
    })
    await client.insert({
      table: 'lab.notes',
      values: Readable.from(['2,"blank\n\n; line"\n', '3,plain\n'], { objectMode: false }),
      format: 'CSV',
    })
    const many = Readable.from(Array.from({ length: 5_000 }, (_, index) => ({ id: 1_000 + index, text: 'bulk' })))
    const { summary } = await client.insert({ table: 'lab.notes', values: many, format: 'JSONEachRow' })
    expect(summary?.written_rows).toBe('5000')
    expect(await rowsOf(client, 'SELECT * FROM lab.notes WHERE id < 10 ORDER BY id')).toEqual([
      { id: 1, text: 'ä "quoted"\n\n; line' },
      { id: 2, text: 'blank\n\n; line' },
      { id: 3, text: 'plain' },
    ])
    expect(await rowsOf(client, "SELECT count() AS rows FROM lab.notes WHERE text = 'bulk'")).toEqual([{ rows: 5_000 }])
  })

  test('binds parameters, also many at once with the same names', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        rowsOf<{ n: number; s: string }>(client, 'SELECT {n:UInt32} AS n, {s:String} AS s', {
          n: index,
          s: `it's \\ a\ttab ${index}`,
        }),
      ),
    )
    expect(answers).toEqual(Array.from({ length: 40 }, (_, index) => [{ n: index, s: `it's \\ a\ttab ${index}` }]))
  })

  test('a parameter or a setting of one request never reaches another', async () => {
    await rowsOf(client, 'SELECT {a:UInt8} AS a', { a: 1 })
    expect((await errorOf(rowsOf(client, 'SELECT {a:UInt8} AS a'))).type).toBe('UNKNOWN_QUERY_PARAMETER')
    await client.command({ query: 'SET max_threads = 1' })
    await client.query({ query: 'SELECT 1', clickhouse_settings: { max_block_size: '7' } })
    expect(
      await rowsOf(
        client,
        "SELECT count() AS changed FROM system.settings WHERE name = 'max_block_size' AND value = '7'",
      ),
    ).toEqual([{ changed: 0 }])
  })

  test('knows the database of its connection, and compression both ways', async () => {
    const compressing = connect(front, administrator, { database: 'lab', compress: true })
    try {
      await compressing.insert({ table: 'notes', values: [{ id: 50, text: 'packed' }], format: 'JSONEachRow' })
      expect(await rowsOf(compressing, 'SELECT text FROM notes WHERE id = 50')).toEqual([{ text: 'packed' }])
    } finally {
      await compressing.close()
    }
  })

  test('keeps what a session sets, for that session', async () => {
    const session = { session_id: 's-1' }
    await client.command({ query: 'CREATE TEMPORARY TABLE own (a UInt8)', ...session })
    await client.command({ query: 'INSERT INTO own VALUES (7)', ...session })
    const result = await client.query({ query: 'SELECT a FROM own', format: 'JSONEachRow', ...session })
    expect(await result.json()).toEqual([{ a: 7 }])
    expect((await errorOf(client.query({ query: 'SELECT a FROM own' }))).code).toBe('60')
  })

  test.each([
    ['SELECT * FROM lab.nothing', '60', 'UNKNOWN_TABLE'],
    ['SELEC 1', '62', 'SYNTAX_ERROR'],
    ['SELECT nothing FROM lab.notes', '47', 'UNKNOWN_IDENTIFIER'],
    ['SELECT 1; SELECT 2', '62', 'SYNTAX_ERROR'],
  ])('%s fails with code %s %s', async (query, code, type) => {
    expect(await errorOf(client.command({ query }))).toMatchObject({ code, type })
  })

  test('an unknown database and an unknown setting fail with their codes', async () => {
    const elsewhere = connect(front, administrator, { database: 'nowhere' })
    expect((await errorOf(elsewhere.command({ query: 'SELECT 1' }))).type).toBe('UNKNOWN_DATABASE')
    await elsewhere.close()
    expect(
      (await raw(search({ no_such_setting: '1', query: 'SELECT 1' }))).headers.get('x-clickhouse-exception-code'),
    ).toBe('115')
  })
})

describe('plain HTTP', () => {
  test('says that it is the embedded engine', async () => {
    const response = await raw('ping', { anonymous: true })
    expect(await response.text()).toBe('Ok.\n')
    expect(response.headers.get('x-clickhouse-server-display-name')).toContain('embedded engine (chdb)')
    expect(front.output()).toContain('embedded ClickHouse engine (chdb)')
    expect(await (await raw('', { anonymous: true })).text()).toBe('Ok.\n')
  })

  test('takes the query from the address, the body, or both', async () => {
    expect(await (await raw(search({ query: 'SELECT 1' }))).text()).toBe('1\n')
    expect(await (await raw('', { method: 'POST', body: 'SELECT 2 FORMAT CSV' })).text()).toBe('2\n')
    expect(await (await raw(search({ query: 'SELECT 3' }), { method: 'POST', body: ' + 4' })).text()).toBe('7\n')
    await raw('', { method: 'POST', body: 'INSERT INTO lab.notes FORMAT JSONEachRow {"id":60,"text":"ü"}' })
    expect(await (await raw(search({ query: 'SELECT text FROM lab.notes WHERE id = 60' }))).text()).toBe('ü\n')
  })

  test('answers with the headers that clients read', async () => {
    const response = await raw(search({ query: 'SELECT 1 AS a', default_format: 'JSONEachRow', query_id: 'mine' }))
    expect(await response.json()).toEqual({ a: 1 })
    expect(response.headers.get('x-clickhouse-query-id')).toBe('mine')
    expect(response.headers.get('x-clickhouse-format')).toBe('JSONEachRow')
    expect(JSON.parse(response.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ read_rows: '1' })
  })

  test('takes a packed body and binary formats', async () => {
    await raw(search({ query: 'INSERT INTO lab.notes FORMAT TSV' }), {
      method: 'POST',
      body: gzipSync('70\tpacked\n'),
      headers: { 'content-encoding': 'gzip' },
    })
    const parquet = await raw(search({ query: "SELECT toUInt64(71) AS id, '\n\n; x' AS text FORMAT Parquet" }))
    const response = await raw(search({ query: 'INSERT INTO lab.notes FORMAT Parquet' }), {
      method: 'POST',
      body: Buffer.from(await parquet.arrayBuffer()),
    })
    expect(response.status).toBe(200)
    expect(await rowsOf(client, 'SELECT * FROM lab.notes WHERE id IN (70, 71) ORDER BY id')).toEqual([
      { id: 70, text: 'packed' },
      { id: 71, text: '\n\n; x' },
    ])
  })

  test('GET never changes anything', async () => {
    const response = await raw(search({ query: 'INSERT INTO lab.notes VALUES (80, $$x$$)' }))
    expect(response.headers.get('x-clickhouse-exception-code')).toBe('164')
    expect((await raw(search({ query: 'DROP USER IF EXISTS x' }))).headers.get('x-clickhouse-exception-code')).toBe(
      '164',
    )
  })

  test('no data can smuggle in a second statement', async () => {
    for (const [format, data] of [
      ['JSONEachRow', '{"id":90}\n\n; INSERT INTO lab.notes VALUES (999001, $$x$$)'],
      ['TSV', '91\tx\n\n; INSERT INTO lab.notes VALUES (999002, $$x$$)'],
      ['Values', '(92, $$x$$); INSERT INTO lab.notes VALUES (999003, $$x$$)'],
    ] as const) {
      const query = `INSERT INTO lab.notes FORMAT ${format}`
      const response = await raw(search({ query }), { method: 'POST', body: data })
      expect(response.status).toBe(400)
    }
    expect(await rowsOf(client, 'SELECT id FROM lab.notes WHERE id > 999000 OR id IN (90, 91, 92)')).toEqual([])
  })

  test.each(["SELECT ‘ ' ’; SELECT 2 --'", "SELECT 1 //'\n; SELECT 2 --'", "SELECT 1 #!'\n; SELECT 2 --'"])(
    'no quote or comment hides a second statement: %j',
    async (query) => {
      expect((await raw('', { method: 'POST', body: query })).headers.get('x-clickhouse-exception-code')).toBe('62')
    },
  )

  test('a body beyond the limit is refused with 413', async () => {
    const body = gzipSync(Buffer.alloc(130 * 1024 * 1024, 0x20))
    const response = await raw(search({ query: 'INSERT INTO lab.notes FORMAT TSV' }), {
      method: 'POST',
      body,
      headers: { 'content-encoding': 'gzip' },
    })
    expect(response.status).toBe(413)
  })
})

describe('users', () => {
  const loader = { user: 'loader', password: 'it\'s \\ "secret"' }

  beforeAll(async () => {
    const password = loader.password.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
    await client.command({
      query: `CREATE USER loader IDENTIFIED WITH sha256_password BY '${password}' SETTINGS max_threads = 1`,
    })
    await client.command({ query: 'CREATE DATABASE secret' })
    await client.command({ query: 'CREATE TABLE secret.t (id UInt64) ENGINE = MergeTree ORDER BY id' })
    await client.command({ query: 'GRANT SELECT, INSERT ON lab.* TO loader' })
  })

  test.each([
    ['a wrong password', 'loader', 'wrong'],
    ['an unknown user', 'nobody', 'wrong'],
    ['the default user', 'default', ''],
  ])('%s is refused with 401 and 516', async (_, user, password) => {
    for (const headers of [
      { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
      { 'x-clickhouse-user': user, 'x-clickhouse-key': password },
    ]) {
      const response = await raw(search({ query: 'SELECT 1' }), { anonymous: true, headers })
      expect([response.status, response.headers.get('x-clickhouse-exception-code')]).toEqual([401, '516'])
      expect(await response.text()).toContain('AUTHENTICATION_FAILED')
    }
    const inAddress = await raw(search({ query: 'SELECT 1', user, password }), { anonymous: true })
    expect(inAddress.status).toBe(401)
  })

  test('a user does what was granted', async () => {
    const own = connect(front, loader)
    try {
      await own.insert({ table: 'lab.notes', values: [{ id: 100, text: 'mine' }], format: 'JSONEachRow' })
      await own.command({ query: "INSERT INTO lab.notes VALUES (101, 'mine; all mine')" })
      await own.command({ query: 'INSERT INTO lab.notes SELECT id + 10, text FROM lab.notes WHERE id = 101' })
      expect(
        await rowsOf(
          own,
          'WITH w AS (SELECT id FROM lab.notes WHERE id IN (100, 101, 111)) SELECT count() AS n FROM w',
        ),
      ).toEqual([{ n: 3 }])
      expect(await rowsOf(own, "SELECT value FROM system.settings WHERE name = 'max_threads'")).toEqual([
        { value: '1' },
      ])
    } finally {
      await own.close()
    }
  })

  test('what a failed statement had already put out does not come before the next answer', async () => {
    const own = connect(front)
    const clickhouse_settings = { max_execution_time: 1 }
    try {
      const long = 'SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1'
      expect((await errorOf(own.query({ query: long, clickhouse_settings }))).code).toBe('159')
      const next = await own.query({ query: 'SELECT 7 AS n', format: 'JSONEachRow', clickhouse_settings })
      expect(await next.text()).toBe('{"n":7}\n')
    } finally {
      await own.close()
    }
  })

  test('a read-only user can change neither rows nor settings, and sees what was granted, with parameters as well', async () => {
    const reader = { user: 'reader', password: 'reads only' }
    const admin = connect(front)
    const own = connect(front, reader)
    try {
      await admin.command({
        query: `CREATE USER reader IDENTIFIED WITH sha256_password BY 'reads only' SETTINGS max_result_rows = 3, readonly = 1`,
      })
      await admin.command({ query: 'GRANT ALL ON lab.* TO reader' })
      expect(await rowsOf(own, 'SELECT {n: UInt8} AS n', { n: 7 })).toEqual([{ n: 7 }])
      const asked = (settings: Record<string, string>): Promise<unknown> =>
        own.query({ query: 'SELECT 1', clickhouse_settings: settings })
      await asked({ max_result_rows: '3' })
      for (const refused of [
        asked({ max_result_rows: '4' }),
        asked({ readonly: '0' }),
        own.command({ query: "INSERT INTO lab.notes VALUES (102, 'not mine')" }),
        own.command({ query: 'SET readonly = 0' }),
        own.query({ query: 'SELECT 1 SETTINGS max_result_rows = 1000' }),
      ]) {
        expect((await errorOf(refused)).code).toBe('164')
      }
      const overGet = await raw(`?${new URLSearchParams({ query: 'SELECT 1', ...reader }).toString()}`, {
        anonymous: true,
      })
      expect([overGet.status, await overGet.text()]).toEqual([200, '1\n'])
      expect((await errorOf(rowsOf(own, 'SELECT number FROM numbers(4)'))).code).toBe('396')
    } finally {
      await own.close()
      await admin.close()
    }
  })

  test.each([
    'SELECT * FROM secret.t',
    'SELECT (SELECT count() FROM secret.t)',
    'SELECT 1 FROM lab.notes WHERE id IN secret.t',
    'WITH x AS (SELECT * FROM secret.t) SELECT * FROM x',
    'SELECT * FROM {database:Identifier}.t',
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM merge('secret', 't')",
    "SELECT * FROM remote('127.0.0.1', secret.t)",
    'INSERT INTO secret.t VALUES (1)',
    'INSERT INTO lab.notes SELECT id, toString(id) FROM secret.t',
    "INSERT INTO FUNCTION file('x.csv', 'CSV', 'a UInt8') VALUES (1)",
    'DROP TABLE lab.notes',
    'TRUNCATE TABLE lab.notes',
    'ALTER TABLE lab.notes DELETE WHERE 1',
    'SHOW TABLES FROM secret',
    'SHOW CREATE TABLE secret.t',
    'DESCRIBE TABLE secret.t',
    'EXPLAIN SELECT * FROM secret.t',
    'CREATE DATABASE mine',
    'CREATE USER other IDENTIFIED BY $$x$$',
    'GRANT ALL ON *.* TO loader',
    'SYSTEM STOP MERGES',
    "INSERT INTO lab.notes VALUES ((SELECT max(id) FROM secret.t), 'x')",
    'SELECT 1 AS `a\n) (children 1)\nSelectQuery` FROM secret.t',
    "SELECT 'a;b' -- c",
  ])('and nothing else: %s', async (query) => {
    const own = connect(front, loader)
    try {
      const work = own.command({ query, query_params: query.includes('{') ? { database: 'secret' } : {} })
      expect(await errorOf(work)).toMatchObject({ code: '497', type: 'ACCESS_DENIED' })
    } finally {
      await own.close()
    }
  })
})

describe('small inserts', () => {
  test('many at once become few parts, and each is there when it is acknowledged', async () => {
    await client.command({ query: 'CREATE TABLE lab.counted (id UInt64) ENGINE = MergeTree ORDER BY id' })
    const inserts = 800
    let next = 0
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (next < inserts) {
          const id = next
          next += 1
          await client.insert({ table: 'lab.counted', values: [{ id }], format: 'JSONEachRow' })
        }
      }),
    )
    expect(await rowsOf(client, 'SELECT count() AS rows, uniqExact(id) AS ids FROM lab.counted')).toEqual([
      { rows: inserts, ids: inserts },
    ])
    const [blocks] = await rowsOf<{ blocks: number }>(
      client,
      "SELECT toUInt32(max(max_block_number)) AS blocks FROM system.parts WHERE database = 'lab' AND table = 'counted'",
    )
    expect(blocks?.blocks).toBeLessThan(inserts / 4)
    await eventually(
      async () => {
        const [parts] = await rowsOf<{ parts: number }>(
          client,
          "SELECT count() AS parts FROM system.parts WHERE active AND database = 'lab' AND table = 'counted'",
        )
        return parts !== undefined && parts.parts < 12
      },
      { deadlineMs: 20_000, what: 'merges keep the parts few' },
    )
  })

  test('an insert that is wrong fails alone', async () => {
    const insert = (values: string): Promise<Response> =>
      raw(search({ query: 'INSERT INTO lab.notes FORMAT JSONEachRow', async_insert_busy_timeout_ms: '50' }), {
        method: 'POST',
        body: values,
      })
    const answers = await Promise.all([
      insert('{"id":200,"text":"a"}'),
      insert('{"id":"no number","text":"b"}'),
      insert('{"id":201,"text":"c'),
      insert('{"id":202,"text":"d"}'),
      insert('{"id":203,"text":"e"}\n{"id":"no number"}'),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 400, 200, 400])
    expect(await rowsOf(client, 'SELECT id FROM lab.notes WHERE id BETWEEN 200 AND 210 ORDER BY id')).toEqual([
      { id: 200 },
      { id: 202 },
    ])
  })

  test('with async_insert=0 an insert is a part of its own', async () => {
    await client.command({ query: 'CREATE TABLE lab.single (id UInt64) ENGINE = MergeTree ORDER BY id' })
    await Promise.all(
      [1, 2, 3, 4].map((id) =>
        client.insert({
          table: 'lab.single',
          values: [{ id }],
          format: 'JSONEachRow',
          clickhouse_settings: { async_insert: 0 },
        }),
      ),
    )
    expect(
      await rowsOf(client, "SELECT toUInt32(max(max_block_number)) AS blocks FROM system.parts WHERE table = 'single'"),
    ).toEqual([{ blocks: 4 }])
  })
})

describe('the warehouse of a lane', () => {
  const order = {
    id: '0190b0d2-0000-7000-8000-000000000001',
    customer_id: 'c-1',
    customer_name: 'Zoë',
    items: [{ sku: 's', description: 'A thing', quantity: 2, unit_price_cents: 1999 }],
    status: 'placed',
    note: 'line\n\n; line',
    total_cents: 3998,
    currency: 'EUR',
    created_at: '2024-01-02T03:04:05.678Z',
    updated_at: '2024-01-02T03:04:05.678Z',
    revision: 1,
  }

  test('cdc: the highest version of an order is seen, whatever order they came in, and a delete hides it', async () => {
    await setUpLane(client, 't-cdc', 'cdc')
    await setUpLane(client, 't-cdc', 'cdc')
    const put = (version: number, values: object = {}): Promise<unknown> =>
      client.insert({
        table: 't_cdc.orders_by_version',
        values: [{ ...order, version, ...values }],
        format: 'JSONEachRow',
      })
    const versions = 2 ** 40
    await put(versions + 2, { status: 'paid', revision: 2 })
    await put(versions + 1)
    const seen = await client.query({
      query: 'SELECT * FROM t_cdc.orders',
      format: 'JSONEachRow',
      clickhouse_settings: { date_time_output_format: 'iso' },
    })
    expect(await seen.json()).toEqual([{ ...order, status: 'paid', revision: 2, version: versions + 2 }])
    await put(versions + 3, { deleted: 1 })
    await put(versions + 2)
    expect(await rowsOf(client, 'SELECT id FROM t_cdc.orders')).toEqual([])

    await client.insert({
      table: 't_cdc.order_changes',
      values: [1, 1, 2].map((version) => ({
        ...order,
        version,
        operation: version === 1 ? 'insert' : 'update',
        committed_at: '2024-01-02T03:04:05.678901Z',
        lsn: 69078648,
        transaction_id: null,
      })),
      format: 'JSONEachRow',
    })
    expect(
      await rowsOf(client, 'SELECT version, operation, lsn FROM t_cdc.order_changes FINAL ORDER BY version'),
    ).toEqual([
      { version: 1, operation: 'insert', lsn: 69078648 },
      { version: 2, operation: 'update', lsn: 69078648 },
    ])
    await dropLane(client, 't-cdc')
  })

  test('dual-write: the last write to arrive wins', async () => {
    await setUpLane(client, 't-dual', 'dual-write')
    for (const revision of [2, 1]) {
      await client.insert({
        table: 't_dual.orders_by_version',
        values: [{ ...order, revision }],
        format: 'JSONEachRow',
      })
    }
    expect(await rowsOf(client, 'SELECT revision FROM t_dual.orders')).toEqual([{ revision: 1 }])
    await dropLane(client, 't-dual')
  })
})

describe('the process', () => {
  test('loses no acknowledged insert to kill -9, again and again', async () => {
    const data = join(folder, 'killed')
    const acknowledged: number[] = []
    let id = 0
    for (let round = 0; round < 3; round += 1) {
      const victim = await startFront(data)
      const writer = connect(victim)
      if (round === 0) {
        await writer.command({ query: 'CREATE TABLE default.kept (id UInt64) ENGINE = MergeTree ORDER BY id' })
        await writer.command({ query: "CREATE USER kept IDENTIFIED BY 'p'" })
      }
      const before = acknowledged.length
      const writing = Array.from({ length: 8 }, async (_, worker) => {
        for (;;) {
          const own = (id += 1)
          const grouped = worker % 2 === 0 ? 1 : 0
          try {
            await writer.insert({
              table: 'default.kept',
              values: [{ id: own }],
              format: 'JSONEachRow',
              clickhouse_settings: { async_insert: grouped },
            })
          } catch (error) {
            if (victim.process.signalCode === null && victim.process.exitCode === null && !killing) throw error
            return
          }
          acknowledged.push(own)
        }
      })
      let killing = false
      await eventually(() => acknowledged.length > before + 100, { deadlineMs: 30_000, what: 'inserts go on' })
      killing = true
      victim.process.kill('SIGKILL')
      await Promise.all([...writing, victim.exited])
      await writer.close()
    }

    const restarted = await startFront(data)
    const reader = connect(restarted)
    const kept = new Set((await rowsOf<{ id: number }>(reader, 'SELECT id FROM default.kept')).map((row) => row.id))
    expect(acknowledged.filter((own) => !kept.has(own))).toEqual([])
    expect(await (await reader.query({ query: 'SHOW USERS' })).text()).toContain('kept')
    await reader.close()
    restarted.process.kill('SIGTERM')
    expect(await restarted.exited).toBe(0)
  })

  test('finishes what it has on SIGTERM and ends with 0', async () => {
    const data = join(folder, 'stopped')
    const stopping = await startFront(data)
    const own = connect(stopping)
    await own.command({ query: 'CREATE TABLE default.t (id UInt64) ENGINE = MergeTree ORDER BY id' })
    const slow = rowsOf(own, 'SELECT count() AS n FROM numbers(3) WHERE sleepEachRow(0.3) = 0')
    const grouped = own.insert({
      table: 'default.t',
      values: [{ id: 1 }],
      format: 'JSONEachRow',
      clickhouse_settings: { async_insert_busy_timeout_ms: 500 },
    })
    await new Promise((resolve) => setTimeout(resolve, 200))
    stopping.process.kill('SIGTERM')
    expect(await slow).toEqual([{ n: 3 }])
    await grouped
    expect(await stopping.exited).toBe(0)
    await own.close()
  })

  test('names the variable that is missing and ends with 78', async () => {
    const { exited, output } = spawnFront({ PORT: '1' })
    expect(await exited).toBe(78)
    expect(output()).toContain('CLICKHOUSE_DATA_PATH')
  })

  test('says so when its port or its folder is taken', async () => {
    const taken = spawnFront(environmentOf(join(folder, 'other'), front.port))
    expect(await taken.exited).toBe(1)
    expect(taken.output()).toContain('EADDRINUSE')

    const second = spawnFront(environmentOf(join(folder, 'shared'), await freePort()))
    expect(await second.exited).toBe(1)
    expect(second.output()).toMatch(/another process uses this folder/)
  })
})
