/**
 * What it costs to be watched: processor time of the dashboard, with one page open, and of the auditor that follows both
 * lanes, while 200 changes a second go through the orders services, half of them in each lane. Each order is changed
 * seldom enough that two changes of it never meet: next to nothing drifts, so that the work is that of looking.
 */
import pRetry from 'p-retry'
import { closedLoop, placeOrder, updateNote } from '../experiments/laboratory/orders-client.ts'
import { atFixedTimes } from '../load-tests/pace.ts'
import { measureProcessor, type Bench } from './bench.ts'
import type { Result } from './result.ts'

const watchers = ['dashboard', 'auditor'] as const
const lanes = ['orders-cdc-1', 'orders-dual-write-1'] as const
const ordersPerLane = 400
const ratePerSecond = 200
const warmUpMs = 15_000
const durationMs = 30_000

export async function measureWatching(bench: Bench): Promise<readonly Result[]> {
  const { lab } = bench
  await lab.start(watchers)
  const orders: { readonly baseUrl: string; readonly id: string }[] = []
  for (const lane of lanes) {
    const baseUrl = bench.url(lane)
    await closedLoop(Array.from({ length: ordersPerLane }), 8, new AbortController().signal, async () => {
      // A store that has just started may take longer for a write than the dual-write service waits.
      orders.push({ baseUrl, id: await pRetry(() => placeOrder({ baseUrl }), { retries: 10 }) })
    })
  }
  const closing = new AbortController()
  const page = await fetch(`${bench.url('dashboard')}/events`, { signal: closing.signal })
  const reading = page.body?.pipeTo(new WritableStream()).catch(() => undefined)
  try {
    bench.say(`warming up for ${warmUpMs / 1_000} s at ${ratePerSecond} changes/s`)
    await changeSteadily(orders, warmUpMs)
    bench.say(`measuring who watches for ${durationMs / 1_000} s at ${ratePerSecond} changes/s`)
    const usedSince = await measureProcessor(lab)
    const beganAt = performance.now()
    const changes = await changeSteadily(orders, durationMs)
    const used = await usedSince()
    const elapsedMs = performance.now() - beganAt
    const settings = { changes, ratePerSecond: changes / (elapsedMs / 1_000) }
    const percentOf = (ms: number): number => (ms / elapsedMs) * 100
    const each = watchers.map((name) => [name, percentOf(used.get(name) ?? 0)] as const)
    const together = each.reduce((total, [, percent]) => total + percent, 0)
    return [
      { name: 'watching.together', value: together, unit: '% of one core', target: { below: 10 }, ...settings },
      ...each.map(([name, value]): Result => ({
        name: `watching.${name}`,
        value,
        unit: '% of one core',
        target: null,
        ...settings,
      })),
    ]
  } finally {
    closing.abort()
    await reading
    await lab.stop(watchers)
  }
}

/** At fixed times, whatever the answers take. @returns the changes that were made. @throws when one was refused. */
async function changeSteadily(
  orders: readonly { readonly baseUrl: string; readonly id: string }[],
  forMs: number,
): Promise<number> {
  const half = orders.length / 2
  const pending: Promise<unknown>[] = []
  await atFixedTimes({ ratePerSecond, forMs }, (number) => {
    // The first half is of one lane, the second of the other: each in turn.
    const order = orders[(number % 2) * half + (Math.floor(number / 2) % half)]
    if (order !== undefined) pending.push(updateNote(order, order.id, `change ${number}`))
  })
  const outcomes = await Promise.all(pending)
  const bad = outcomes.filter((outcome) => outcome !== 'ok').length
  if (bad > 0) throw new Error(`${bad} of ${outcomes.length} changes were not made`)
  return outcomes.length
}
