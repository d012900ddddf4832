/**
 * The price: the strategies' own code, called in this process without HTTP, on one machine in one run. The variants take
 * turns in every round, each round in another order and each turn short, so that whatever else the machine does hits all alike.
 */
import { createHistogram } from 'node:perf_hooks'
import { join } from 'node:path'
import { connectPostgres } from '@driftlab/stores'
import { v7 as uuidV7 } from 'uuid'
import { ordersRepository, type BeforeCommit } from '../../services/orders/src/repository.ts'
import { cdcStrategy } from '../../services/orders/src/strategies/cdc.ts'
import type { WriteStrategy } from '../../services/orders/src/strategies/strategy.ts'
import { twoPhaseCommitStrategy } from '../../services/orders/src/strategies/two-phase-commit.ts'
import { createCoordinator } from '../../services/orders/src/two-phase/coordinator.ts'
import { openDecisionLog } from '../../services/orders/src/two-phase/decision-log.ts'
import { postgresParticipant } from '../../services/orders/src/two-phase/participant.ts'
import { openReadModel, putDocument } from '../../services/orders/src/two-phase/read-model.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import type { RunContext } from '../runner/experiment.ts'
import { concurrencies } from './checks.ts'
import type { Databases } from './databases.ts'
import type { Entry, Variant } from './history.ts'

/** Orders for each writer, so that none waits for another's lock. */
const ordersPerWriter = 50

export async function measurePrice(
  context: RunContext<Entry>,
  laboratory: Laboratory,
  databases: Databases,
): Promise<void> {
  const [rounds, durationMs] = context.quick ? [6, 120] : [25, 200]
  const options = { connectionsMax: Math.max(...concurrencies), timeoutMs: 10_000 }
  const postgres = connectPostgres(databases.urls.orders, options)
  const documents = connectPostgres(databases.urls.readModel, options)
  const log = openDecisionLog(join(laboratory.stateDir, 'two-phase-commit-price.log'))
  try {
    const orders = ordersRepository(postgres, databases.lane)
    const readModel = openReadModel(documents)
    const coordinator = createCoordinator({
      log,
      participants: [postgresParticipant(postgres), postgresParticipant(documents)],
      onLogFailure: () => undefined,
    })
    const commitDocument: BeforeCommit = (row) =>
      readModel.inTransaction((transaction) => transaction.execute(putDocument(row)))
    const twoPhase = twoPhaseCommitStrategy(orders, readModel, coordinator)
    const updates: Readonly<Record<Variant, WriteStrategy['update']>> = {
      'order alone': (id, decide) => cdcStrategy(orders).update(id, decide),
      // The same two transactions with the same statements, each committed in one phase.
      'two commits': (id, decide) => orders.update(id, decide, commitDocument),
      'two-phase commit': (id, decide) => twoPhase.update(id, decide),
    }
    const variants = Object.keys(updates) as readonly Variant[]
    const ids = await Promise.all(
      Array.from({ length: options.connectionsMax * ordersPerWriter }, async () => {
        const { id } = await twoPhase.create({
          ...{ id: uuidV7(), customerId: 'c', customerName: 'n', note: '', totalCents: 1, currency: 'EUR' },
          items: [{ sku: 's', description: 'd', quantity: 1, unitPriceCents: 1 }],
        })
        return id
      }),
    )

    // The first round warms connections and caches, and is not written down.
    for (let round = 0; round <= rounds; round += 1) {
      context.signal.throwIfAborted()
      context.progress('price', `round ${round} of ${rounds}`)
      for (const concurrency of concurrencies) {
        const turn = round % variants.length
        for (const variant of [...variants.slice(turn), ...variants.slice(0, turn)]) {
          const walBefore = await walPosition(databases)
          const measured = await drive(updates[variant], ids, { concurrency, durationMs })
          const walBytes = (await walPosition(databases)) - walBefore
          if (round > 0) context.record({ kind: 'price', round, variant, concurrency, ...measured, walBytes })
        }
      }
    }
  } finally {
    await Promise.all([postgres.end(), documents.end()])
    log.close()
  }
}

async function drive(
  update: WriteStrategy['update'],
  ids: readonly string[],
  { concurrency, durationMs }: { readonly concurrency: number; readonly durationMs: number },
): Promise<{ writes: number; durationMs: number; p50Ms: number; p95Ms: number }> {
  const latencyNs = createHistogram()
  const begunAt = performance.now()
  let writes = 0
  await Promise.all(
    Array.from({ length: concurrency }, async (_, writer) => {
      const own = ids.slice(writer * ordersPerWriter, (writer + 1) * ordersPerWriter)
      for (let at = 0; performance.now() - begunAt < durationMs; at += 1) {
        const id = own[at % own.length] ?? ''
        const writeBegunAt = performance.now()
        await update(id, () => ({ note: `note ${at}` }))
        latencyNs.record(Math.max(1, Math.round((performance.now() - writeBegunAt) * 1e6)))
        writes += 1
      }
    }),
  )
  return {
    writes,
    durationMs: performance.now() - begunAt,
    p50Ms: latencyNs.percentile(50) / 1e6,
    p95Ms: latencyNs.percentile(95) / 1e6,
  }
}

async function walPosition({ orders }: Databases): Promise<number> {
  const { rows } = await orders.query<{ position: string }>(
    `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as position`,
  )
  return Number(rows[0]?.position)
}
