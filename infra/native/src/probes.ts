/** Asks a component one small question in its own language, to see that it works. */
import { createConnection } from 'node:net'
import { Client } from 'pg'
import { messageOf, systemErrorCode } from './errors.ts'
import type { Probe } from './topology.ts'

/** `refused`: it answers, but not to our password; waiting longer will not help. */
export type ProbeAnswer =
  | { readonly state: 'ready' }
  | { readonly state: 'not-ready'; readonly why: string }
  | { readonly state: 'refused'; readonly why: string }

const probeTimeoutMs = 3_000
const ready: ProbeAnswer = { state: 'ready' }

/** Never throws: a component that is not there yet is an answer, not an error. */
export async function askProbe(probe: Probe): Promise<ProbeAnswer> {
  try {
    switch (probe.type) {
      case 'http':
        return await askHttp(probe)
      case 'postgres':
        return await askPostgres(probe.url)
      case 'redis':
        return await askRedis(probe)
      case 'mariadb':
        return await askMariaDb(probe)
      case 'kafka':
        return await askKafka(probe.host, probe.port)
    }
  } catch (error) {
    return { state: 'not-ready', why: causeOf(error) }
  }
}

function causeOf(error: unknown): string {
  // fetch itself only says "fetch failed"; what failed is its cause.
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined
  return messageOf(cause ?? error)
}

async function askHttp(probe: Extract<Probe, { type: 'http' }>): Promise<ProbeAnswer> {
  const headers =
    probe.user === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${probe.user}:${probe.password ?? ''}`).toString('base64')}` }
  const response = await fetch(probe.url, { headers, signal: AbortSignal.timeout(probeTimeoutMs) })
  const body = await response.text()
  if (response.ok) return ready
  const why = `HTTP ${response.status}: ${body.trim().slice(0, 300)}`
  return { state: response.status === 401 ? 'refused' : 'not-ready', why }
}

const invalidPassword = '28P01'

async function askPostgres(url: string): Promise<ProbeAnswer> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: probeTimeoutMs })
  try {
    await client.connect()
    await client.query('SELECT 1')
    await client.end()
    return ready
  } catch (error) {
    const refused = systemErrorCode(error) === invalidPassword
    return { state: refused ? 'refused' : 'not-ready', why: messageOf(error) }
  }
}

type Login = Extract<Probe, { type: 'redis' | 'mariadb' }>

async function askRedis(probe: Login): Promise<ProbeAnswer> {
  const answer = await exchange(
    probe.host,
    probe.port,
    `AUTH ${probe.user} ${probe.password}\r\nPING\r\n`,
    (received) => /^-|\+PONG\r\n/mu.test(received.toString('latin1')),
  )
  const text = answer.toString('latin1')
  if (text.includes('+PONG')) return ready
  return { state: text.startsWith('-WRONGPASS') ? 'refused' : 'not-ready', why: text.trim() }
}

const accessDenied = 'ER_ACCESS_DENIED_ERROR'

async function askMariaDb(probe: Login): Promise<ProbeAnswer> {
  // Hardly anybody runs MariaDB, and everybody who asks for a status would wait for its client to be loaded.
  const { createConnection } = await import('mariadb')
  const { host, port, user, password } = probe
  try {
    const connection = await createConnection({ host, port, user, password, connectTimeout: probeTimeoutMs })
    await connection.ping()
    await connection.end()
    return ready
  } catch (error) {
    return { state: systemErrorCode(error) === accessDenied ? 'refused' : 'not-ready', why: messageOf(error) }
  }
}

/** An ApiVersions request, version 0, correlation id 7, client id "probe": every broker answers it. */
const apiVersionsRequest = Buffer.concat([
  Buffer.from([0, 0, 0, 15, 0, 18, 0, 0, 0, 0, 0, 7, 0, 5]),
  Buffer.from('probe'),
])

async function askKafka(host: string, port: number): Promise<ProbeAnswer> {
  const answer = await exchange(host, port, apiVersionsRequest, (received) => received.length >= 10)
  const errorCode = answer.readInt16BE(8)
  return errorCode === 0 ? ready : { state: 'not-ready', why: `Kafka answers with error code ${errorCode}` }
}

/** Sends one request and gives back what arrives until `complete`. @throws on a refused, closed or silent connection. */
async function exchange(
  host: string,
  port: number,
  request: string | Buffer,
  complete: (received: Buffer) => boolean,
): Promise<Buffer> {
  const socket = createConnection({ host, port, timeout: probeTimeoutMs })
  try {
    return await new Promise((resolve, reject) => {
      let received = Buffer.alloc(0)
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk])
        if (complete(received)) resolve(received)
      })
      socket.once('error', reject)
      socket.once('timeout', () => {
        reject(new Error(`no answer within ${probeTimeoutMs} ms`))
      })
      socket.once('close', () => {
        reject(new Error('the connection was closed'))
      })
      socket.write(request)
    })
  } finally {
    socket.destroy()
  }
}
