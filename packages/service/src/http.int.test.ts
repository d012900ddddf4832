import { Agent, request } from 'node:http'
import { expect, test } from '@jest/globals'
import { listen } from './http.ts'

test('a stop lets a request end that is under way, and does not wait for what its connection might bring', async () => {
  const started = Promise.withResolvers<undefined>()
  const end = Promise.withResolvers<undefined>()
  const server = await listen(
    (_request, response) => {
      started.resolve(undefined)
      void end.promise.then(() => response.end('done'))
    },
    { host: '127.0.0.1', port: 0 },
  )
  const agent = new Agent({ keepAlive: true })
  const answer = new Promise<string>((resolve, reject) => {
    request({ host: '127.0.0.1', port: server.port, agent }, (response) => {
      response.on('data', (chunk: Buffer) => {
        resolve(chunk.toString())
      })
    })
      .on('error', reject)
      .end()
  })
  await started.promise
  const closed = server.close()
  end.resolve(undefined)
  expect(await answer).toBe('done')
  await closed
  agent.destroy()
}, 10_000)
