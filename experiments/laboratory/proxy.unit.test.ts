import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { eventually } from '@driftlab/stores/testing'
import type { Laboratory } from './laboratory.ts'
import { openProxy, type Proxy } from './proxy.ts'

/** What came in, in the order in which it did; each piece is answered with itself. */
let received: string[]
let server: Server
let proxy: Proxy
let releases: (() => Promise<unknown>)[]

beforeEach(async () => {
  received = []
  releases = []
  server = createServer((socket) => {
    socket.on('data', (bytes) => {
      received.push(bytes.toString())
      socket.write(bytes)
    })
    socket.on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const laboratory: Pick<Laboratory, 'atEnd'> = { atEnd: (release) => releases.push(release) }
  const { port } = server.address() as AddressInfo
  proxy = await openProxy(laboratory, { host: '127.0.0.1', port }, () => 0)
})

afterEach(async () => {
  for (const release of releases) await release()
  server.close()
  await once(server, 'close')
})

function connecting(): Socket {
  return connect(Number(new URL(proxy.through('tcp://127.0.0.1:1')).port), '127.0.0.1').on('error', () => undefined)
}

async function connected(): Promise<Socket> {
  const socket = connecting()
  await once(socket, 'connect')
  return socket
}

/** `once` would fail of the reset that is expected. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => {
      resolve()
    })
  })
}

test('with no fault, what is asked is answered', async () => {
  const client = await connected()
  client.write('ask')
  expect(String(await once(client, 'data'))).toBe('ask')
  client.destroy()
})

test('a late request lands, though its sender has gone, behind what was asked after it', async () => {
  const [first, second] = [await connected(), await connected()]
  proxy.setFault({ kind: 'request-late', probability: 1, delayMs: 300 })
  first.write('older')
  await eventually(() => proxy.hits() === 1, { deadlineMs: 2_000, what: 'the request is held back' })
  first.destroy()
  proxy.setFault(undefined)
  second.write('newer')
  await eventually(() => received.length === 2, { deadlineMs: 5_000, what: 'both have landed' })
  expect(received).toEqual(['newer', 'older'])
  second.destroy()
})

test('what is asked on the connection of a late request waits behind it', async () => {
  const client = await connected()
  proxy.setFault({ kind: 'request-late', probability: 1, delayMs: 200 })
  client.write('older')
  await eventually(() => proxy.hits() === 1, { deadlineMs: 2_000, what: 'the request is held back' })
  proxy.setFault(undefined)
  client.write('newer')
  await eventually(() => received.join('') === 'oldernewer', { deadlineMs: 5_000, what: 'both have landed' })
  client.destroy()
})

test('when an answer is lost, the connection breaks and what was asked has been done', async () => {
  const client = await connected()
  proxy.setFault({ kind: 'answer-lost', probability: 1 })
  client.write('ask')
  await closed(client)
  expect({ received, hits: proxy.hits() }).toEqual({ received: ['ask'], hits: 1 })
})

test('unreachable: connections break, and a new one is refused', async () => {
  const client = await connected()
  client.write('ask')
  await once(client, 'data')
  proxy.setFault({ kind: 'unreachable' })
  await closed(client)
  await closed(connecting())
  expect(received).toEqual(['ask'])
})
