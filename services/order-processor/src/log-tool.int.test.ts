import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { encodeEvent, seal, type Command } from '@driftlab/order-events'
import { testSettings } from '@driftlab/stores/testing'
import { openLaneUnderTest } from './lane-under-test.ts'

interface Answer {
  readonly code: number
  readonly output: string
}

function ask(question: string, environment: Readonly<Record<string, string>>): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const env = { ...process.env, KAFKA_BROKERS: testSettings().kafkaBrokers.join(), ...environment }
  const tool = join(import.meta.dirname, 'log-tool.ts')
  execFile(process.execPath, [tool, question], { env }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr })
  })
  return promise
}

test('a log is asked for states, trails and faults', async () => {
  const lane = await openLaneUnderTest()
  try {
    const LANE = lane.name
    const orderId = crypto.randomUUID()
    const item = { sku: 'tea-1', description: 'Green tea', quantity: 2, unitPriceCents: 450 }
    const circumstances = () =>
      ({
        version: 1,
        id: crypto.randomUUID(),
        actor: 'ada',
        reason: 'asked',
        issuedAt: new Date().toISOString(),
      }) as const
    const place: Command = {
      ...circumstances(),
      ...{ type: 'PlaceOrder', orderId, fingerprint: null, visits: [], reserved: [], repeated: false },
      order: { customerId: 'c', customerName: 'n', items: [item], note: '', currency: 'EUR' },
    }
    expect(await ask('check', { LANE })).toMatchObject({ code: 2, output: expect.stringContaining('unknown') })
    await lane.start('a')
    await lane.send([place, { ...circumstances(), type: 'ChangeOrder', orderId, patch: { status: 'paid' } }])
    await lane.outcomes()

    const [first] = await lane.records(lane.topics.events)
    const [event] = await lane.events()
    if (first === undefined || event === undefined) throw new Error('an order was placed')
    const asked = { LANE, ORDER: orderId }
    expect(await ask('state', asked)).toMatchObject({ code: 0, output: expect.stringContaining('paid') })
    const asOf = await ask('state', { ...asked, OFFSET: String(first.offset), JSON: '1' })
    expect(JSON.parse(asOf.output)).toMatchObject({ state: { order: { status: 'placed' } }, laterEvents: 1 })
    expect(await ask('state', { ...asked, OFFSET: '999' })).toMatchObject({ code: 1 })
    expect(await ask('state', { LANE, ORDER: crypto.randomUUID() })).toMatchObject({ code: 1 })
    expect(await ask('state', { LANE: `${LANE}-absent`, ORDER: orderId })).toMatchObject({ code: 69 })
    expect(await ask('trail', asked)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/OrderPlaced[^]*OrderPaid/),
    })
    expect(await ask('check', { LANE })).toMatchObject({
      code: 0,
      output: expect.stringContaining('2 events of 1 keys'),
    })

    const producer = await lane.log.connectProducer()
    const forged = encodeEvent(seal({ ...event, sequence: 9 }))
    await producer.publish(lane.topics.events, [{ ...forged, partition: first.partition }])
    await producer.close()
    expect(await ask('check', { LANE })).toMatchObject({ code: 1, output: expect.stringContaining('sequence-gap') })
  } finally {
    await lane.close()
  }
}, 90_000)
