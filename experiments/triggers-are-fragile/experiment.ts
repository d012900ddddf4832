/**
 * One table, captured by row triggers and by the log at the same time, while things are done to it that databases live
 * through. Then what either way costs the writer. README.md says how and why.
 */
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { laneNames, orderRecords } from '@driftlab/order'
import { connectPostgres, type Postgres } from '@driftlab/stores'
import { eventually } from '@driftlab/stores/testing'
import { addChangeTable, createLane, dropLane } from '../../infra/postgres/lane.ts'
import { connectorName } from '../../infra/connect/settings.ts'
import { innermostCause, progressOf, statusSchema } from '../../infra/connect/status.ts'
import { allOf } from '../laboratory/all-of.ts'
import { askConnector, openConnector, type OwnConnector } from '../laboratory/connector.ts'
import { startRelay } from '../laboratory/fed-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { openTopics } from '../laboratory/topics.ts'
import type { Service } from '../laboratory/service.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { textOf, watchCapture, type Captured } from './capture.ts'
import { checks, claim, report } from './checks.ts'
import { entrySchema, variants, type Entry, type Variant } from './history.ts'
import { runLoad } from './load.ts'
import { scenarios, type Scenario } from './scenarios.ts'

const lane = 'trigger-fragile'
const { schema, topic } = laneNames(lane)
const settleDeadlineMs = 60_000

export const triggersAreFragile = defineExperiment<Entry>({
  name: 'triggers-are-fragile',
  claim,
  refutedBy:
    'A change that the log misses and the triggers see; triggers that see what is said to pass them by; a refused ' +
    'write while the log is not read; or a load under triggers that is as fast as one without, or writes as little as one ' +
    'whose log is read.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const laboratory = context.laboratory()
  context.progress('making a table and its captures')
  const bench = await openBench(laboratory)
  for (const scenario of scenarios) {
    laboratory.signal.throwIfAborted()
    context.progress(scenario.name)
    await runScenario(laboratory, bench, scenario, context.record)
  }
  context.progress('TRUNCATE, and a topic that is compacted')
  await truncateIntoCompacted(laboratory, bench, context.record)
  context.progress('writes while a capture is broken')
  await writeWhileBroken(laboratory, bench, context.record)
  // Every part of the claim that is about cost is left out of a quick run.
  if (!context.quick) await measureCost(context, bench)
}

interface Bench {
  readonly admin: LogAdmin
  readonly relay: Service
  readonly connectors: readonly [log: OwnConnector, skipping: OwnConnector]
  readonly captured: readonly Captured[]
  /** With the rights of the orders service. */
  readonly writer: Postgres
}

async function openBench(laboratory: Laboratory): Promise<Bench> {
  const { postgres, url } = laboratory
  await openTable(laboratory, schema)
  await addChangeTable(postgres, schema)
  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: 'triggers-are-fragile' }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  await openTopics(laboratory, admin, [{ name: topic, partitions: 4 }])
  const relay = await startRelay(laboratory, { name: `relay-${lane}`, lane, table: 'order_changes' })
  const [log, skipping] = await allOf([
    openConnector(laboratory, {
      ...{ name: 'triggers-log', schema },
      // It is going to fail in the middle of a transaction. Until the broker gives that up, its task waits to read its own
      // offsets and Kafka Connect calls it running: for a minute, as Kafka comes.
      overrides: { 'producer.override.transaction.timeout.ms': '10000' },
    }),
    // What Debezium does when it is told nothing about it.
    openConnector(laboratory, {
      ...{ name: 'triggers-log-default', schema },
      overrides: { 'skipped.operations': 't' },
    }),
  ])
  // Closed before the connectors take their topics away: a client that has asked for a topic fails once it is gone.
  const watcher = await connectLog({ brokers: [url.kafkaBrokers], clientId: 'triggers-are-fragile' }).connectAdmin()
  laboratory.atEnd(() => watcher.close())
  // As it is made it is compacted, like the topic of the lane `cdc`: it would refuse a record without a key.
  await watcher.setTopicConfig(log.topic, { 'cleanup.policy': 'delete' })
  const formats = orderRecords(lane)
  const captured = [
    await watchCapture(laboratory, watcher, {
      name: 'triggers',
      topic,
      format: formats['row-change'],
      published: () => relayed(postgres, schema),
    }),
    ...(await Promise.all(
      (
        [
          ['log', log],
          ['log-default', skipping],
        ] as const
      ).map(([name, connector]) =>
        watchCapture(laboratory, watcher, {
          name,
          topic: connector.topic,
          format: formats.debezium,
          published: () => confirmed(postgres, connector),
        }),
      ),
    )),
  ]
  const writer = connectPostgres(url.postgres('ORDERS'), { connectionsMax: 8, timeoutMs: 30_000 })
  laboratory.atEnd(() => writer.end())
  return { admin: watcher, relay, connectors: [log, skipping], captured, writer }
}

async function openTable({ postgres, atEnd }: Laboratory, name: string): Promise<void> {
  await dropLane(postgres, name)
  atEnd(() => dropLane(postgres, name))
  await createLane(postgres, name)
}

/** The relay has published the change table as it is by now. */
async function relayed(postgres: Postgres, name: string): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await postgres.query<{ count: string }>(`select count(*) from "${name}".order_changes`)
      return rows[0]?.count === '0'
    },
    { deadlineMs: settleDeadlineMs, what: `the relay has published ${name}.order_changes` },
  )
}

/** The connector has published everything that was committed before the call. @throws as soon as it has failed. */
async function confirmed(postgres: Postgres, connector: OwnConnector): Promise<void> {
  const end = await passing(postgres, connector)
  if (end.state === 'failed') throw new Error(`The connector of slot ${connector.slot} failed: ${end.reason}`)
}

/** Waits until everything that was committed before the call is published, or the connector has failed. */
async function passing(
  postgres: Postgres,
  { slot, url }: OwnConnector,
): Promise<
  { readonly state: 'failed'; readonly reason: string } | { readonly state: 'running'; readonly reason: null }
> {
  const mark = await markOfLog(postgres)
  return await eventually(
    async () => {
      const progress = progressOf(statusSchema.parse(await (await fetch(`${url}/status`)).json()))
      if (progress.state === 'failed') return { state: 'failed', reason: innermostCause(progress.trace) } as const
      return (await hasPassed(postgres, slot, mark)) && ({ state: 'running', reason: null } as const)
    },
    { deadlineMs: settleDeadlineMs, what: `slot ${slot} has passed ${mark}, or its connector has failed` },
  )
}

/** The end of the log as of now. A slot confirms what it has been sent, so something is put behind it. */
async function markOfLog(postgres: Postgres): Promise<string> {
  const { rows } = await postgres.query<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn')
  await postgres.query(`select pg_logical_emit_message(true, 'driftlab-experiment', '')`)
  return rows[0]?.lsn ?? ''
}

async function hasPassed(postgres: Postgres, slot: string, lsn: string): Promise<boolean> {
  const { rows } = await postgres.query<{ passed: boolean }>(
    'select confirmed_flush_lsn >= $2::pg_lsn as passed from pg_replication_slots where slot_name = $1',
    [slot, lsn],
  )
  return rows[0]?.passed === true
}

async function runScenario(
  laboratory: Laboratory,
  { relay, connectors, captured }: Bench,
  scenario: Scenario,
  record: (entry: Entry) => void,
): Promise<void> {
  const { postgres } = laboratory
  const { name, orders, prepare = [], act, undo = [], capturesDown = false } = scenario
  const inLane = (statement: string): string => statement.replaceAll('LANE', `"${schema}"`)
  for (const statement of prepare) await postgres.query(inLane(statement))
  await insertOrders(postgres, schema, name, orders)
  await settleAll(captured)
  for (const each of captured) each.take(new Set())
  const before = await rowsOf(postgres, name)

  if (capturesDown) {
    await relay.kill()
    await stopReading(postgres, connectors)
  }
  const enabledBefore = await triggerState(postgres)
  const client = await postgres.connect()
  try {
    await client.query('begin')
    for (const statement of act) {
      await client.query(inLane(statement), statement.includes('$1') ? [name] : [])
    }
    await client.query('commit')
  } finally {
    client.release(true)
  }
  if (name === 'DISABLE TRIGGER') {
    record({
      type: 'trigger-state',
      after: 'DISABLE TRIGGER ALL, ENABLE TRIGGER ALL',
      was: enabledBefore,
      became: await triggerState(postgres),
    })
  }
  if (capturesDown) {
    await relay.start()
    for (const { url } of connectors) await askConnector('PUT', url, '/resume')
  }
  await settleAll(captured)

  const after = await rowsOf(postgres, name)
  const ids = new Set([...before.keys(), ...after.keys()])
  const changedRows = [...ids].filter((id) => before.get(id) !== after.get(id)).length
  for (const each of captured) {
    const wrong = [...ids].filter((id) => each.held(id) !== after.get(id))
    record({ type: 'scenario', scenario: name, capture: each.name, changedRows, ...each.take(ids), wrong })
  }
  for (const statement of undo) await postgres.query(inLane(statement))
}

async function settleAll(captured: readonly Captured[]): Promise<void> {
  await Promise.all(captured.map((each) => each.settle()))
}

async function insertOrders(
  postgres: Postgres,
  into: string,
  customer: string,
  count: number,
): Promise<readonly string[]> {
  const { rows } = await postgres.query<{ id: string }>(
    `insert into "${into}".orders (id, customer_id, customer_name, items, total_cents, currency)
     select uuidv7(), $1, 'Name ' || n, '[{"sku": "s", "description": "d", "quantity": 1, "unitPriceCents": 1}]', 1, 'EUR'
     from generate_series(1, $2::int) n returning id::text`,
    [customer, count],
  )
  return rows.map(({ id }) => id)
}

async function rowsOf(postgres: Postgres, customer: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await postgres.query<{ id: string; row: Readonly<Record<string, unknown>> }>(
    `select id::text, to_jsonb(o) as row from "${schema}".orders o where customer_id = $1`,
    [customer],
  )
  return new Map(rows.map(({ id, row }) => [id, textOf(row)]))
}

async function triggerState(postgres: Postgres): Promise<string> {
  const { rows } = await postgres.query<{ tgenabled: string }>(
    `select tgenabled from pg_trigger where tgrelid = $1::regclass and tgname = 'record_change'`,
    [`"${schema}".orders`],
  )
  return rows[0]?.tgenabled ?? ''
}

/** The same TRUNCATE, with the topic as it should be for changes of rows. */
async function truncateIntoCompacted(
  { postgres }: Laboratory,
  { admin, connectors: [log], captured }: Bench,
  record: (entry: Entry) => void,
): Promise<void> {
  await settleAll(captured)
  await admin.setTopicConfig(log.topic, { 'cleanup.policy': 'compact' })
  await postgres.query(`truncate "${schema}".orders`)
  record({ type: 'compacted', ...(await passing(postgres, log)) })
}

/** A user's write, with nothing broken, with a change table that takes nothing, and with a log that nobody reads. */
async function writeWhileBroken(
  { postgres }: Laboratory,
  { writer, connectors }: Bench,
  record: (entry: Entry) => void,
): Promise<void> {
  const [id] = await insertOrders(postgres, schema, 'writes', 1)
  const write = async (broken: 'nothing' | 'triggers' | 'log'): Promise<void> => {
    try {
      await writer.query(`update "${schema}".orders set note = $2 where id = $1`, [id, broken])
      record({ type: 'write', broken, outcome: 'committed', code: null })
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : null
      record({ type: 'write', broken, outcome: 'refused', code })
    }
  }
  await write('nothing')
  await postgres.query(`alter table "${schema}".order_changes add constraint refuses check (false) not valid`)
  await write('triggers')
  await postgres.query(`alter table "${schema}".order_changes drop constraint refuses`)
  await stopReading(postgres, connectors)
  await write('log')
}

/** Resolves when nobody reads their slots any more. */
async function stopReading(postgres: Postgres, connectors: Bench['connectors']): Promise<void> {
  await Promise.all(connectors.map(({ url }) => askConnector('PUT', url, '/stop')))
  await Promise.all(connectors.map(({ slot }) => readBy(postgres, slot, false)))
}

async function measureCost(context: RunContext<Entry>, { writer }: Bench): Promise<void> {
  const { record, progress } = context
  const laboratory = context.laboratory()
  const { postgres, settings, signal } = laboratory
  const costLane = (variant: Variant): string => `trigger-cost-${variant}`
  const schemaOf = (variant: Variant): string => laneNames(costLane(variant)).schema
  const orders = new Map<Variant, readonly string[]>()
  for (const variant of variants) {
    await openTable(laboratory, schemaOf(variant))
    orders.set(variant, await insertOrders(postgres, schemaOf(variant), variant, 2_000))
    // The whole old row in the log is part of the price of reading it, and of no use to the others.
    if (variant !== 'log') await postgres.query(`alter table "${schemaOf(variant)}".orders replica identity default`)
  }
  await addChangeTable(postgres, schemaOf('triggers'))
  // Autovacuum comes when it wants, and its WAL would count for whoever has his turn.
  for (const table of [
    ...variants.map((variant) => `"${schemaOf(variant)}".orders`),
    `"${schemaOf('triggers')}".order_changes`,
  ]) {
    await postgres.query(`alter table ${table} set (autovacuum_enabled = false)`)
  }
  const admin = await connectLog({ brokers: [laboratory.url.kafkaBrokers], clientId: 'trigger-cost' }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  await openTopics(laboratory, admin, [{ name: laneNames(costLane('triggers')).topic, partitions: 4 }])
  const relay = await startRelay(laboratory, {
    name: 'relay-trigger-cost',
    lane: costLane('triggers'),
    table: 'order_changes',
  })
  const connector = await openConnector(laboratory, { name: 'trigger-cost', schema: schemaOf('log') })

  // A slot that is read decodes the log of all tables, whoever asked: so none is read where nobody captures.
  const laboratorys = `http://${settings.LAB_HOST}:${settings.CONNECT_PORT}/connectors/${connectorName}`
  laboratory.atEnd(() => askConnector('PUT', laboratorys, '/resume'))
  await askConnector('PUT', laboratorys, '/stop')
  await readBy(postgres, 'driftlab_cdc', false)
  const capture: Readonly<
    Record<
      Variant,
      { readonly begin: () => Promise<void>; readonly settle: () => Promise<void>; readonly end: () => Promise<void> }
    >
  > = {
    none: { begin: nothing, settle: nothing, end: nothing },
    triggers: {
      begin: () => {
        relay.resume()
        return nothing()
      },
      settle: () => relayed(postgres, schemaOf('triggers')),
      end: () => {
        relay.pause()
        return nothing()
      },
    },
    log: {
      begin: async () => {
        await askConnector('PUT', connector.url, '/resume')
        await readBy(postgres, connector.slot, true)
      },
      settle: () => confirmed(postgres, connector),
      end: async () => {
        await askConnector('PUT', connector.url, '/stop')
        await readBy(postgres, connector.slot, false)
      },
    },
  }
  await capture.triggers.end()
  await capture.log.end()

  const rounds = 8
  for (let round = 0; round < rounds; round += 1) {
    // Each variant is first, second and last in turn.
    for (const variant of variants.map((_first, at) => variants[(at + round) % variants.length] ?? 'none')) {
      signal.throwIfAborted()
      progress(`the cost of ${variant}`, `round ${round + 1} of ${rounds}`)
      await capture[variant].begin()
      const measured = await runLoad({
        ...{ postgres: writer, admin: postgres, schema: schemaOf(variant), orders: orders.get(variant) ?? [] },
        ...{ changes: 6_000, settle: capture[variant].settle },
      })
      await capture[variant].end()
      record({ type: 'load', round, variant, ...measured })
    }
  }
  // A process that is stopped does not hear that it is to end.
  relay.resume()
}

function nothing(): Promise<void> {
  return Promise.resolve()
}

/** Waits until somebody reads the slot, or nobody does. */
async function readBy(postgres: Postgres, slot: string, active: boolean): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await postgres.query<{ active: boolean }>(
        'select active from pg_replication_slots where slot_name = $1',
        [slot],
      )
      return rows[0]?.active === active
    },
    { deadlineMs: settleDeadlineMs, what: `slot ${slot} is ${active ? 'read' : 'left alone'}` },
  )
}
