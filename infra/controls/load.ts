/**
 * A load that somebody switches on and off: orders of one lane, changed at fixed times (an open model), some of them more
 * often than others. It sends no two requests on purpose at the same moment; that two meet is left to chance, as it is
 * everywhere.
 *
 * Invariant: bounded. It ends by itself after `durationMs`, and never has more than `pendingMax` requests under way.
 */
import { placeOrder, updateNote } from '../../experiments/laboratory/orders-client.ts'
import { atFixedTimes } from '../../load-tests/pace.ts'
import type { Skew } from '../../services/dashboard/src/controls-state.ts'

/** How much busier the busy orders are: the exponent of Zipf's law over the ranks of the orders. */
export const skews: Readonly<Record<Skew, number>> = { even: 0, usual: 0.8, hot: 1.6 }

export interface LoadOptions {
  /** The instances of the lane's orders service; they get the requests in turn. */
  readonly baseUrls: readonly string[]
  readonly ratePerSecond: number
  readonly skew: Skew
  readonly durationMs: number
  readonly random?: () => number
}

export interface RunningLoad {
  /** Resolves when it is over, whoever ended it, and no request is under way any more. */
  readonly ended: Promise<void>
  stop(): void
}

const ordersMax = 300
/** Of the requests: every so many is a new order, which takes the place of the oldest. */
const updatesPerCreation = 8
const pendingMax = 200
const timeoutMs = 5_000

export function startLoad(options: LoadOptions): RunningLoad {
  const stopping = new AbortController()
  return {
    ended: run(options, stopping.signal),
    stop: () => {
      stopping.abort()
    },
  }
}

async function run(
  { baseUrls, ratePerSecond, skew, durationMs, random = Math.random }: LoadOptions,
  signal: AbortSignal,
): Promise<void> {
  const orders: string[] = []
  const pending = new Set<Promise<unknown>>()
  await atFixedTimes({ ratePerSecond, forMs: durationMs, signal }, (number) => {
    if (pending.size >= pendingMax) return
    const client = { baseUrl: baseUrls[number % baseUrls.length] ?? '', timeoutMs }
    const id = number % (updatesPerCreation + 1) === 0 ? undefined : orders[rankOf(orders.length, skews[skew], random)]
    const request =
      id === undefined
        ? placeOrder(client).then((placed) => {
            orders.push(placed)
            if (orders.length > ordersMax) orders.shift()
          })
        : updateNote(client, id, `note ${number}`)
    // How requests end is on the page already: it counts what the services answer.
    const settled = request.catch(() => undefined)
    pending.add(settled)
    void settled.finally(() => pending.delete(settled))
  })
  await Promise.all(pending)
}

/** A rank from 0 to `count` - 1, the lower the likelier. */
export function rankOf(count: number, exponent: number, random: () => number): number {
  const weights = Array.from({ length: count }, (_, rank) => (rank + 1) ** -exponent)
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [rank, weight] of weights.entries()) {
    left -= weight
    if (left < 0) return rank
  }
  return Math.max(0, count - 1)
}
