import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { assertPortsFree } from './ports.ts'

const holder = createServer()
let port = 0

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    holder.listen(0, '127.0.0.1', resolve)
  })
  port = (holder.address() as AddressInfo).port
})

afterAll(() => {
  holder.close()
})

test('a taken port is reported with its holder and the variable that moves it', async () => {
  const needs = [{ component: 'redis', variable: 'REDIS_PORT', port }] as const
  await expect(assertPortsFree('127.0.0.1', needs, '.env')).rejects.toMatchObject({
    code: 'port-taken',
    message: expect.stringMatching(
      new RegExp(
        `Port ${port}, which redis needs, is taken by process ${process.pid} .*change REDIS_PORT in .env`,
        'u',
      ),
    ),
  })
})
