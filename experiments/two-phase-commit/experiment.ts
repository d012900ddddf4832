/**
 * Two-phase commit over two databases: what it fixes, what it costs, and what it locks while its coordinator is away.
 *
 * The coordinator is the real orders service; it is killed while clients write, at a moment that the seed chooses, and
 * left away for a while before it is started again.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@driftlab/stores/testing'
import { startService, type Service } from '../laboratory/service.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { checks, updatesBeforeVacuum } from './checks.ts'
import {
  compare,
  cutConnections,
  inDoubt,
  lockedRows,
  openDatabases,
  tryUpdate,
  untilConnectionsGone,
  untilNothingInDoubt,
  vacuumAfter,
  type Databases,
} from './databases.ts'
import { entrySchema, type Entry } from './history.ts'
import { ordersKept, startLoad } from './load.ts'
import { measurePrice } from './price.ts'
import { report } from './report.ts'

const clients = 16
const warmUpWrites = 50
const probePatienceMs = 250
const probesPerTrial = 5

export const twoPhaseCommit = defineExperiment<Entry>({
  name: 'two-phase-commit',
  claim:
    'Two-phase commit keeps two databases alike through every crash of its coordinator, makes each write slower, and locks the rows in doubt for as long as the coordinator is away.',
  refutedBy:
    'A row that differs between the two databases after recovery, an acknowledged write that is lost, a row in doubt that anybody could update, or no loss of throughput.',
  needs: 'laboratory',
  entry: entrySchema,
  run: async (context) => {
    const laboratory = context.laboratory()
    const databases = await openDatabases(laboratory)
    const log = join(laboratory.stateDir, 'two-phase-commit.log')
    // Its decisions are of another run, whose transactions are gone.
    for (const suffix of ['', '-wal']) await rm(log + suffix, { force: true })
    const service = await startService(laboratory, {
      name: 'two-phase-commit',
      folder: 'orders',
      environment: {
        WRITE_STRATEGY: 'two-phase-commit',
        LANE: databases.lane,
        POSTGRES_URL: databases.urls.orders,
        READ_MODEL_URL: databases.urls.readModel,
        COORDINATOR_LOG: log,
      },
    })
    const known: string[] = []
    const placing = startLoad(service.url, { clients, random: context.random, known })
    await eventually(() => known.length >= ordersKept, { deadlineMs: 60_000, what: 'the first orders are placed' })
    await placing.stop()

    const [wanted, killsMax] = context.quick ? [2, 8] : [8, 30]
    let leftInDoubt = 0
    for (let trial = 1; trial <= killsMax && leftInDoubt < wanted; trial += 1) {
      context.progress('kill -9', `${trial}, of which ${leftInDoubt} left something in doubt; ${wanted} are wanted`)
      if (await killCoordinator(context, { databases, service, known, trial })) leftInDoubt += 1
    }
    const cutTrials = context.quick ? 1 : 4
    for (let trial = 1; trial <= cutTrials; trial += 1) {
      context.progress('connections cut', `${trial} of ${cutTrials}`)
      await cutUnderLoad(context, { databases, service, known, trial })
    }
    await service.stop()
    await measurePrice(context, laboratory, databases)
  },
  checks,
  report,
})

interface Trial {
  readonly databases: Databases
  readonly service: Service
  readonly known: string[]
  readonly trial: number
}

async function killCoordinator(
  context: RunContext<Entry>,
  { databases, service, known, trial }: Trial,
): Promise<boolean> {
  const { record, random, quick, signal } = context
  const afterMs = random() * 500
  const load = startLoad(service.url, { clients, random, known })
  // A process that has just begun spends its time on itself.
  await eventually(() => load.counts.acknowledged >= warmUpWrites, {
    deadlineMs: 60_000,
    what: 'the load is on its way',
  })
  await delay(afterMs, undefined, { signal })
  await service.kill()
  const killedAt = performance.now()
  await load.stop()
  await untilConnectionsGone(databases)
  const doubt = await inDoubt(databases)
  const locked = await lockedRows(databases)
  const isInDoubt = doubt.orders.size + doubt.readModel.size > 0
  const awayMs = isInDoubt ? 1_000 + random() * (quick ? 500 : 4_000) : 0

  const probe = async (row: 'in doubt' | 'other', id: string): Promise<void> => {
    const tried = await tryUpdate(databases, id, probePatienceMs)
    record({ kind: 'probe', trial, row, patienceMs: probePatienceMs, ...tried })
  }
  const others = [...load.told.keys()].filter((id) => !locked.orders.includes(id))
  await Promise.all(locked.orders.slice(0, probesPerTrial).map((id) => probe('in doubt', id)))
  await Promise.all(others.slice(0, probesPerTrial).map((id) => probe('other', id)))
  if (doubt.orders.size > 0) {
    const deadRowsLeft = await vacuumAfter(databases, updatesBeforeVacuum)
    record({ kind: 'vacuum', trial, meanwhile: 'in doubt', deadRowsLeft })
  }

  const [waitingFor] = locked.orders
  const waitBegunAt = performance.now()
  const waiting = waitingFor === undefined ? undefined : tryUpdate(databases, waitingFor, 0)
  await delay(awayMs, undefined, { signal })

  const startedAt = performance.now()
  const starting = service.start()
  await untilNothingInDoubt(databases)
  const recoveryMs = performance.now() - startedAt
  await starting
  if (waiting !== undefined) {
    const { waitedMs } = await waiting
    record({ kind: 'wait', trial, coordinatorBackAfterMs: startedAt - waitBegunAt, waitedMs })
    record({
      kind: 'vacuum',
      trial,
      meanwhile: 'recovered',
      deadRowsLeft: await vacuumAfter(databases, updatesBeforeVacuum),
    })
  }

  const names = new Set([...doubt.orders, ...doubt.readModel])
  record({
    kind: 'coordinator killed',
    trial,
    afterMs,
    ...load.counts,
    inDoubt: { orders: doubt.orders.size, readModel: doubt.readModel.size },
    halfEnded: [...names].filter((name) => !doubt.orders.has(name) || !doubt.readModel.has(name)).length,
    lockedRows: { orders: locked.orders.length, readModel: locked.readModel.length },
    awayMs: startedAt - killedAt,
    recoveryMs,
    comparison: await compare(databases, load.told),
  })
  return isInDoubt
}

async function cutUnderLoad(context: RunContext<Entry>, { databases, service, known, trial }: Trial): Promise<void> {
  const { record, random, quick, signal } = context
  const load = startLoad(service.url, { clients, random, known })
  let cuts = 0
  let inDoubtSeenMax = 0
  for (let at = 0; at < (quick ? 5 : 10); at += 1) {
    await delay(50 + random() * 250, undefined, { signal })
    cuts += await cutConnections(databases, 0.3)
    const { orders, readModel } = await inDoubt(databases)
    inDoubtSeenMax = Math.max(inDoubtSeenMax, orders.size + readModel.size)
  }
  await load.stop()
  await untilNothingInDoubt(databases)
  const comparison = await compare(databases, load.told)
  record({ kind: 'connections cut', trial, ...load.counts, cuts, inDoubtSeenMax, comparison })
}
