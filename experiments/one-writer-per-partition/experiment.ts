/**
 * Buyers who compete for the last units of limited goods: decided by one writer per partition of a log, and by transactions
 * of a database in three ways. README.md says how and why.
 */
import { openEventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import { closedLoop } from '../laboratory/orders-client.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { percentile } from '../runner/statistics.ts'
import { checks } from './checks.ts'
import { entrySchema, ways, type Entry, type Way } from './history.ts'
import { openLogShop } from './log-way.ts'
import { openPostgresShops } from './postgres-ways.ts'
import { report } from './report.ts'
import type { Shop } from './shop.ts'

const lane = 'event-sourcing-one-writer'

/** One buyer needs longer for as many attempts as sixteen do, and shows less. */
const attemptsOf: Readonly<Record<number, number>> = { 1: 64, 4: 256, 16: 512, 64: 1_024 }

export const oneWriterPerPartition = defineExperiment<Entry>({
  name: 'one-writer-per-partition',
  claim:
    'One writer per partition sells limited goods as exactly as SERIALIZABLE transactions do, and tries nothing again for it; READ COMMITTED with the check in code sells them twice as soon as clients compete.',
  refutedBy:
    'A unit that the log or SERIALIZABLE sells twice, loses, or refuses while it is there; or no unit sold twice by READ COMMITTED with the check in code.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { quick, progress, record, random } = context
  const laboratory = context.laboratory()
  progress('starting processors')
  const { serializable, conditional, checkInCode } = await openPostgresShops(laboratory, random)
  const log = await openLogShop(laboratory, await openEventSourcedLane(laboratory, lane, { processors: 2 }))
  const shops: Readonly<Record<Way, Shop>> = { log, serializable, conditional, 'check-in-code': checkInCode }

  const clientCounts = quick ? [1, 16] : [1, 4, 16, 64]
  const stockCounts = quick ? [1, 8] : [1, 16]
  const rounds = quick ? 1 : 3
  // The first round warms connections and caches, and is not written down.
  for (const way of ways) await holdSale(context, shops[way], { way, round: 0, clients: 16, stocks: 8 })
  for (let round = 1; round <= rounds; round += 1) {
    for (const stocks of stockCounts) {
      for (const clients of clientCounts) {
        // Whatever else the machine does, it does not always hit the same.
        const turn = round % ways.length
        for (const way of [...ways.slice(turn), ...ways.slice(0, turn)]) {
          progress(`round ${round} of ${rounds}`, `${way}, ${clients} clients, ${stocks} stocks`)
          record(await holdSale(context, shops[way], { way, round, clients, stocks }))
        }
      }
    }
  }
}

interface Sale {
  readonly way: Way
  readonly round: number
  readonly clients: number
  readonly stocks: number
}

/** Twice as many attempts as there are units, of one unit each. */
async function holdSale({ signal }: RunContext<Entry>, shop: Shop, sale: Sale): Promise<Entry> {
  const { way, round, clients, stocks } = sale
  const attempts = attemptsOf[clients] ?? 0
  const unitsEach = attempts / stocks / 2
  const skus = Array.from({ length: stocks }, (_, n) => `limited-${way}-${round}-${clients}-${stocks}-${n}`)
  await shop.receive(skus, unitsEach)

  const counts = new Map(skus.map((sku) => [sku, { sold: 0, refused: 0, open: 0 }]))
  const latencies: number[] = []
  let retries = 0
  const begunAt = performance.now()
  const tasks = Array.from({ length: attempts }, (_, n) => skus.slice(n % stocks, (n % stocks) + 1)).flat()
  await closedLoop(tasks, clients, signal, async (sku) => {
    const askedAt = performance.now()
    const answer = await shop.buy(sku)
    latencies.push(performance.now() - askedAt)
    retries += answer.retries
    const count = counts.get(sku)
    if (count !== undefined) count[answer.outcome] += 1
  })
  const durationMs = performance.now() - begunAt
  const recorded = await shop.recorded(skus)
  return {
    ...{ way, round, clients, unitsEach, retries, durationMs },
    stocks: [...counts].map(([sku, count]) => ({ ...count, recorded: recorded.get(sku) ?? 0 })),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  }
}
