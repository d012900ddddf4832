/**
 * Two databases and a coordinator that dies: before and after every single thing that it asks of them or of its log.
 * Death is a promise that never resolves: the code behind it does not run any more, as after kill -9, and what it had
 * sent to the databases may still be carried out.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { laneNames } from '@driftlab/order'
import { connectPostgres, DatabaseError, type Postgres } from '@driftlab/stores'
import { eventually, testSettings, throwAwayLane } from '@driftlab/stores/testing'
import { v7 as uuidV7 } from 'uuid'
import { createLane, dropLane } from '../../../../infra/postgres/lane.ts'
import { createReadModel, dropReadModel } from '../../../../infra/postgres/read-model.ts'
import { newOrder } from '../orders-under-test.ts'
import { ordersRepository } from '../repository.ts'
import type { WriteStrategy } from '../strategies/strategy.ts'
import { twoPhaseCommitStrategy } from '../strategies/two-phase-commit.ts'
import { inTransaction, type Transaction } from '../transactions.ts'
import { createCoordinator, type Coordinator } from './coordinator.ts'
import { openDecisionLog, type DecisionLog } from './decision-log.ts'
import { postgresParticipant, type Participant } from './participant.ts'
import { openReadModel } from './read-model.ts'

const settings = testSettings()
const lane = throwAwayLane()
const { schema, table } = laneNames(lane)
const database = `${schema}_read_model`
let folder: string
let postgres: Postgres
let readModel: Postgres
let readModelUrl: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coordinator-'))
  postgres = connectPostgres(settings.postgresUrl)
  await createLane(postgres, schema)
  readModelUrl = await createReadModel(settings.postgresUrl, database)
  readModel = connectPostgres(readModelUrl)
}, 30_000)

afterAll(async () => {
  await readModel.end()
  await dropReadModel(settings.postgresUrl, database)
  await dropLane(postgres, schema)
  await postgres.end()
  await rm(folder, { recursive: true })
}, 30_000)

/** Stands between the coordinator and everything else; by default it is not there. */
interface World {
  readonly log: (log: DecisionLog) => DecisionLog
  readonly participant: (participant: Participant) => Participant
  readonly transaction: (transaction: Transaction) => Transaction
}

const untouched: World = {
  log: (log) => log,
  participant: (participant) => participant,
  transaction: (transaction) => transaction,
}

interface Process {
  readonly log: DecisionLog
  readonly coordinator: Coordinator
  readonly strategy: WriteStrategy
  /** Its connections and its lock on the log are gone, and nothing else: no transaction is ended by it. */
  kill(): Promise<void>
}

let processes = 0

/** Of one name, one at a time: the name is that of its log. */
function startProcess(world: Partial<World> = {}, name = 'log'): Process {
  const { log: throughLog, participant, transaction } = { ...untouched, ...world }
  processes += 1
  const application = `${lane}-${processes}`
  const as = (url: string): string => `${url}?application_name=${application}`
  const pools = { orders: connectPostgres(as(settings.postgresUrl)), readModel: connectPostgres(as(readModelUrl)) }
  const log = openDecisionLog(join(folder, name))
  const coordinator = createCoordinator({
    log: throughLog(log),
    participants: Object.values(pools).map((pool) => participant(postgresParticipant(pool))),
    onLogFailure: () => undefined,
  })
  return {
    log,
    coordinator,
    strategy: twoPhaseCommitStrategy(ordersRepository(pools.orders, lane), openReadModel(pools.readModel), {
      commit: (transactions) => coordinator.commit(transactions.map(transaction)),
    }),
    kill: async () => {
      log.close()
      await cutConnections('application_name', application)
    },
  }
}

async function cutConnections(column: 'application_name' | 'datname', value: string): Promise<void> {
  const others = `from pg_stat_activity where ${column} = $1 and pid <> pg_backend_pid() and backend_type = 'client backend'`
  await eventually(
    async () => {
      const { rowCount } = await postgres.query(`select pg_terminate_backend(pid) ${others}`, [value])
      return rowCount === 0
    },
    { deadlineMs: 5_000, intervalMs: 5, what: `no connection of ${value}` },
  )
}

const never = new Promise<never>(() => undefined)

/** A world in which the process dies at breath number `at`; it takes one before and one after everything that it does. */
function mortal(at: number): { readonly world: World; readonly death: Promise<'died'> } {
  const dying = Promise.withResolvers<'died'>()
  let breaths = 0
  const breathe = async (): Promise<void> => {
    if (breaths < at) {
      breaths += 1
      return
    }
    dying.resolve('died')
    await never
  }
  const around = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    await breathe()
    const value = await work()
    await breathe()
    return value
  }
  return {
    death: dying.promise,
    world: {
      // What is forgotten reaches the disk with a later decision; a process that dies has not got so far.
      log: (log) => ({ ...log, decide: (name) => around(() => log.decide(name)), forget: () => undefined }),
      participant: (participant) => ({
        inDoubt: (prefix) => around(() => participant.inDoubt(prefix)),
        end: (name, outcome) => around(() => participant.end(name, outcome)),
      }),
      transaction: (transaction) => ({
        prepare: (name) => around(() => transaction.prepare(name)),
        execute: (statement) => around(() => transaction.execute(statement)),
      }),
    },
  }
}

const command = (id: string) => ({ ...newOrder, id, totalCents: 900 })

async function placed(): Promise<string> {
  const process = startProcess()
  const { id } = await process.strategy.create(command(uuidV7()))
  await process.kill()
  return id
}

/** The note in each database, or nothing. */
async function notes(id: string): Promise<readonly (string | undefined)[]> {
  const order = await postgres.query<{ note: string }>(`select note from ${table} where id = $1`, [id])
  const document = await readModel.query<{ note: string }>(
    `select document ->> 'note' as note from order_documents where id = $1`,
    [id],
  )
  return [order.rows[0]?.note, document.rows[0]?.note]
}

async function inDoubt(): Promise<number> {
  const { rowCount } = await postgres.query(`select from pg_prepared_xacts where gid like 'driftlab:%'`)
  return rowCount ?? 0
}

async function recover(): Promise<void> {
  const process = startProcess()
  await process.coordinator.resolve()
  await process.kill()
}

/** Dies again and again, each time one breath later, until it gets through. */
async function recoverWithDeaths(): Promise<void> {
  for (let at = 0; ; at += 1) {
    const { world, death } = mortal(at)
    const process = startProcess(world)
    const outcome = await Promise.race([process.coordinator.resolve(), death])
    await process.kill()
    if (outcome !== 'died') return
  }
}

describe('death at any point of a write, and recovery, leave both databases with it or neither:', () => {
  type Write = (strategy: WriteStrategy, id: string) => Promise<unknown>
  const update: Write = (strategy, id) => strategy.update(id, () => ({ note: 'updated' }))
  const removal: Write = (strategy, id) => strategy.remove(id, () => undefined)

  test.each<readonly [string, Write, () => Promise<void>]>([
    ['an update', update, recover],
    ['an update, when recovery dies as well', update, recoverWithDeaths],
    ['a removal', removal, recover],
  ])(
    '%s',
    async (_name, write, recoverNow) => {
      const outcomes: string[] = []
      for (let at = 0; ; at += 1) {
        const id = await placed()
        const { world, death } = mortal(at)
        const process = startProcess(world)
        const outcome = await Promise.race([write(process.strategy, id), death])
        const decided = process.log.decided().length > 0
        await process.kill()
        await recoverNow()

        const [order, document] = await notes(id)
        expect({ at, order }).toEqual({ at, order: document })
        expect({ at, isWritten: order !== newOrder.note }).toEqual({ at, isWritten: decided })
        expect({ at, inDoubt: await inDoubt() }).toEqual({ at, inDoubt: 0 })
        outcomes.push(decided ? 'written' : 'not written')
        if (outcome !== 'died') break
      }
      expect(new Set(outcomes)).toEqual(new Set(['written', 'not written']))
      const last = startProcess()
      await last.coordinator.resolve()
      expect(last.log.decided()).toEqual([])
      await last.kill()
    },
    120_000,
  )

  test('a creation', async () => {
    for (let at = 0; ; at += 1) {
      const id = uuidV7()
      const { world, death } = mortal(at)
      const process = startProcess(world)
      const outcome = await Promise.race([process.strategy.create(command(id)), death])
      const decided = process.log.decided().length > 0
      await process.kill()
      await recover()
      expect({ at, notes: await notes(id) }).toEqual({
        at,
        notes: decided ? [newOrder.note, newOrder.note] : [undefined, undefined],
      })
      if (outcome !== 'died') break
    }
  }, 120_000)
})

describe('a connection that is cut', () => {
  test('before a database has prepared rolls the others back', async () => {
    const id = await placed()
    const process = startProcess({
      transaction: (transaction) => ({
        ...transaction,
        prepare: async (name) => {
          await cutConnections('datname', database)
          await transaction.prepare(name)
        },
      }),
    })
    await expect(process.strategy.update(id, () => ({ note: 'never' }))).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await notes(id)).toEqual([newOrder.note, newOrder.note])
    expect(await inDoubt()).toBe(0)
    await process.kill()
  })

  test('after the decision is a delay and nothing else', async () => {
    const id = await placed()
    const process = startProcess({
      log: (log) => ({
        ...log,
        decide: async (name) => {
          await log.decide(name)
          await cutConnections('datname', database)
        },
      }),
    })
    await process.strategy.update(id, () => ({ note: 'decided' }))
    expect(await notes(id)).toEqual(['decided', 'decided'])
    expect(process.log.decided()).toEqual([])
    await process.kill()
  })

  test('for longer leaves the answer open, and the write is committed everywhere later', async () => {
    const id = await placed()
    const { world, comeBack } = awayAfterDecision()
    const process = startProcess(world)
    await expect(process.strategy.update(id, () => ({ note: 'decided' }))).rejects.toMatchObject({
      kind: 'unavailable',
    })
    expect(await notes(id)).toEqual([newOrder.note, newOrder.note])
    comeBack()
    await process.coordinator.resolve()
    expect(await notes(id)).toEqual(['decided', 'decided'])
    expect(process.log.decided()).toEqual([])
    await process.kill()
  })

  test('lets nobody see in the orders what the read model does not have yet', async () => {
    const id = uuidV7()
    const { world, comeBack } = awayAfterDecision()
    const process = startProcess(world)
    await expect(process.strategy.create(command(id))).rejects.toMatchObject({ kind: 'unavailable' })
    // The search for those in doubt cannot reach the read model, and must not commit the order alone.
    await expect(process.coordinator.resolve()).rejects.toMatchObject({ kind: 'unavailable' })

    // A removal would pass by a document that is not committed, and leave it behind for ever.
    const other = startProcess({}, 'other')
    await expect(other.strategy.remove(id, () => undefined)).rejects.toMatchObject({ reason: 'unknown' })
    await other.kill()
    comeBack()
    await process.coordinator.resolve()
    expect(await notes(id)).toEqual([newOrder.note, newOrder.note])
    await process.kill()
  })
})

/** The read model's connections are cut when the decision is on disk, and it takes none until it comes back. */
function awayAfterDecision(): { readonly world: Partial<World>; readonly comeBack: () => void } {
  let isAway = false
  let participants = 0
  return {
    comeBack: () => {
      isAway = false
    },
    world: {
      log: (log) => ({
        ...log,
        decide: async (name) => {
          await log.decide(name)
          isAway = true
          await cutConnections('datname', database)
        },
      }),
      participant: (participant) => {
        participants += 1
        if (participants === 1) return participant
        return {
          ...participant,
          inDoubt: async (prefix) => {
            if (isAway) throw new DatabaseError('unavailable', new Error('connection refused'))
            return await participant.inDoubt(prefix)
          },
        }
      },
    },
  }
}

test('a transaction that has failed cannot be prepared, though PostgreSQL answers as if it could', async () => {
  const prepared = inTransaction(postgres, async (client, transaction) => {
    await client.query('select 1 / 0').catch(() => undefined)
    await transaction.prepare('driftlab:failed')
  })
  await expect(prepared).rejects.toMatchObject({ kind: 'bug' })
})

test('a transaction that a write is busy with is left alone by the search for those in doubt', async () => {
  const id = await placed()
  const process: Process = startProcess({
    log: (log) => ({
      ...log,
      decide: async (name) => {
        await process.coordinator.resolve()
        await log.decide(name)
      },
    }),
  })
  await process.strategy.update(id, () => ({ note: 'busy' }))
  expect(await notes(id)).toEqual(['busy', 'busy'])
  await process.kill()
})

test('when nobody can tell whether the decision is on disk, nothing is ended before a new process has read it', async () => {
  const id = await placed()
  const process = startProcess({
    log: (log) => ({ ...log, decide: () => Promise.reject(new Error('disk I/O error')) }),
  })
  await expect(process.strategy.update(id, () => ({ note: 'unsure' }))).rejects.toThrow('disk I/O error')
  await process.coordinator.resolve()
  expect(await inDoubt()).toBe(2)
  await process.kill()
  await recover()
  expect(await notes(id)).toEqual([newOrder.note, newOrder.note])
})

test('a lock in doubt is held for as long as the coordinator is away, and its recovery frees it', async () => {
  const id = await placed()
  // Dead before it could decide: both databases have prepared.
  const process = startProcess({ log: (log) => ({ ...log, decide: () => never }) })
  const dying = process.strategy.update(id, () => ({ note: 'undecided' }))
  await Promise.race([dying, eventually(async () => (await inDoubt()) === 2, { deadlineMs: 5_000, intervalMs: 10 })])
  await process.kill()

  const write = async (): Promise<string> => {
    const client = await postgres.connect()
    try {
      await client.query('begin')
      await client.query(`set local lock_timeout = '200ms'`)
      await client.query(`update ${table} set note = 'plain' where id = $1`, [id])
      await client.query('commit')
      return 'written'
    } catch (error) {
      await client.query('rollback')
      return (error as { code: string }).code
    } finally {
      client.release()
    }
  }
  expect(await write()).toBe('55P03')
  await recover()
  expect(await write()).toBe('written')
})
