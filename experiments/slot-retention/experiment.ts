/**
 * A replication slot that nobody reads: for a while, and for too long.
 *
 * The lane has a connector, a slot and sinks of its own. The bound on slots is lowered for the whole server, so before each
 * step towards it all other slots have to have followed; it is reset at the end.
 */
import type { LaneReport } from '@driftlab/auditor'
import { laneNames } from '@driftlab/order'
import type { Progress } from '../../infra/connect/status.ts'
import { openFedLane } from '../laboratory/fed-lane.ts'
import { defineExperiment, type Fact } from '../runner/experiment.ts'
import { bytesPerChange, checks, mebibytes } from './checks.ts'
import { controlOf } from './connector.ts'
import { entriesOf, entrySchema, type Audit, type Entry } from './history.ts'
import { ordersOf } from './orders.ts'
import { readSlot, retainedBytes, setBound, untilConfirmed, untilKeepsLess, walPosition } from './slot.ts'

const lane = 'cdc-slot'
const boundMib = 64
/** Rows of a table that nobody captures which make about 16 MiB of log. */
const rowsPerStep = 120_000
/** Of an audit that waits for a slot which nobody makes. */
const shortPatienceMs = 5_000
const gap = { inserted: 20, updated: 20, deleted: 20 }

export const slotRetention = defineExperiment<Entry>({
  name: 'slot-retention',
  claim:
    'A slot that nobody reads keeps the log until its reader returns; past max_slot_wal_keep_size it is lost, which the slot and the auditor say at once and the connector by not running any more, and the documented recovery ends consistent.',
  refutedBy:
    'A loss after which the auditor says consistent or the connector runs on, a change that a reader which returned in time has missed, or a recovery after which a store differs.',
  needs: 'laboratory',
  entry: entrySchema,
  run: async (context) => {
    const { record, quick, progress } = context
    const laboratory = context.laboratory()
    const { lab, postgres } = laboratory
    const { schema } = laneNames(lane)
    progress('opening a lane')
    const fed = await openFedLane(laboratory, lane, 'rows-by-connector')
    if (fed.connector === undefined) throw new Error('the lane has no connector')
    const { slot } = fed.connector
    const connector = controlOf(fed.connector.url)
    const orders = ordersOf(postgres, schema)
    await orders.insert(100)
    await fed.audit()

    progress('Connect is away')
    await lab.kill('connect')
    record({ kind: 'fault', what: 'kill -9 of Kafka Connect' })
    const changes = quick ? 400 : 10_000
    const writtenFrom = await walPosition(postgres)
    const read = async (table: 'captured' | 'other', count: number): Promise<void> => {
      const writtenBytes = (await walPosition(postgres)) - writtenFrom
      const retained = await retainedBytes(postgres, slot)
      record({ kind: 'retention', table, changes: count, retainedBytes: retained, writtenBytes })
    }
    await read('captured', 0)
    for (let quarter = 1; quarter <= 4; quarter += 1) {
      await orders.update(changes / 4)
      await read('captured', (quarter * changes) / 4)
    }
    await read('other', 0)
    await orders.fillOther(changes)
    await read('other', changes)

    progress('Connect is back')
    const retainedBefore = await retainedBytes(postgres, slot)
    const position = await walPosition(postgres)
    const startedAt = performance.now()
    await lab.start(['connect'])
    const readyAt = performance.now()
    await untilConfirmed(postgres, slot, position)
    const drainMs = performance.now() - readyAt
    await untilKeepsLess(postgres, { slot }, retainedBefore)
    record({
      ...{ kind: 'drain', changes, retainedBefore, drainMs, connectReadyMs: readyAt - startedAt },
      retainedAfter: await retainedBytes(postgres, slot),
      audit: auditOf(await fed.audit()),
    })

    progress('the slot is left behind')
    await connector.stop()
    record({ kind: 'fault', what: 'the connector is stopped' })
    laboratory.atEnd(() => setBound(postgres, undefined))
    await untilKeepsLess(postgres, { otherThan: slot }, (boundMib * 1_048_576) / 4)
    await setBound(postgres, boundMib)
    record({ kind: 'fault', what: `max_slot_wal_keep_size = ${boundMib}MB` })
    await orders.insert(gap.inserted / 2)
    await orders.update(gap.updated)
    const readBound = async (afterCheckpoint: boolean): Promise<number> => {
      const reading = await readSlot(postgres, slot)
      record({ kind: 'bound', boundBytes: boundMib * 1_048_576, ...reading, afterCheckpoint })
      return reading.retainedBytes ?? Infinity
    }
    // The bound holds for every slot of the server: the others have to follow, so that it can hurt none but ours.
    while ((await readBound(false)) <= (boundMib + 32) * 1_048_576) {
      await orders.fillOther(rowsPerStep)
      await untilKeepsLess(postgres, { otherThan: slot }, (boundMib * 1_048_576) / 2)
      progress('the slot is left behind', `${mebibytes(await retainedBytes(postgres, slot))} MiB`)
    }
    await orders.remove(gap.inserted / 2 + gap.deleted)
    await orders.insert(gap.inserted)
    record({ kind: 'gap', ...gap })
    await postgres.query('checkpoint')
    await readBound(true)
    await setBound(postgres, undefined)

    progress('who says so?')
    await connector.resume()
    record({ kind: 'loss', ...stateOf(await connector.settled()), audit: auditOf(await fed.audit()) })

    progress('the lost slot is dropped, and nothing else')
    const dropSlot = 'select pg_drop_replication_slot($1)'
    await connector.stop()
    await postgres.query(dropSlot, [slot])
    await connector.resume()
    const replaced = stateOf(await connector.settled())
    record({ kind: 'slot dropped', ...replaced, audit: auditOf(await fed.audit({ deadlineMs: shortPatienceMs })) })

    progress('the documented recovery')
    const recoveryAt = performance.now()
    await connector.stop()
    await postgres.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [
      slot,
    ])
    await connector.forgetOffsets()
    await connector.resume()
    await connector.settled()
    const found = await fed.audit()
    const ids = found.examples.map(({ key }) => key)
    const durationMs = performance.now() - recoveryAt
    record({ kind: 'snapshot', durationMs, audit: auditOf(found), leftInStores: ids.length })
    const { rows } = await postgres.query<{ count: string }>('select driftlab.delete_again($1, $2::uuid[]) as count', [
      schema,
      ids,
    ])
    record({ kind: 'deleted again', orders: Number(rows[0]?.count), audit: auditOf(await fed.audit()) })
  },
  checks,
  report: (history) => ({
    tables: [
      {
        title: 'What a slot that nobody reads keeps',
        head: ['table', 'changes', 'kept, MiB', 'log written, MiB', 'bytes a change'],
        rows: entriesOf(history, 'retention').map(({ table, changes, retainedBytes: kept, writtenBytes }) => [
          ...[table, String(changes), mebibytes(kept), mebibytes(writtenBytes)],
          changes === 0 ? '' : (bytesPerChange(history, table)?.toFixed(0) ?? ''),
        ]),
      },
      {
        title: 'On the way past the bound',
        head: ['kept, MiB', 'bound, MiB', 'wal_status', 'invalidation_reason', 'checkpoint'],
        rows: entriesOf(history, 'bound').map((reading) => [
          reading.retainedBytes === null ? '' : mebibytes(reading.retainedBytes),
          mebibytes(reading.boundBytes),
          ...[reading.walStatus, reading.invalidation ?? '', reading.afterCheckpoint ? 'after' : 'before'],
        ]),
      },
    ],
    charts: [
      {
        title: 'Log kept by a slot that nobody reads',
        kind: 'line',
        x: 'changes of orders',
        y: 'MiB',
        series: [
          {
            name: 'kept',
            points: entriesOf(history, 'retention')
              .filter(({ table }) => table === 'captured')
              .map((reading) => ({ x: reading.changes, y: reading.retainedBytes / 1_048_576 })),
          },
        ],
      },
    ],
    facts: factsOf(history),
  }),
})

function factsOf(history: readonly Entry[]): readonly Fact[] {
  const bytes = bytesPerChange(history, 'captured')
  const [loss] = entriesOf(history, 'loss')
  const [end] = entriesOf(history, 'deleted again')
  if (bytes === undefined || loss === undefined || end === undefined) return []
  const past = `past the bound the audit says ${loss.audit.verdict}, after the recovery ${end.audit.verdict}`
  return [
    { strategy: 'cdc', against: 'nobody reads the log', fact: `${bytes.toFixed(0)} bytes kept per change; ${past}` },
  ]
}

function stateOf(progress: Progress): { readonly connector: string; readonly connectorTrace: string } {
  const trace = progress.state === 'failed' ? progress.trace : progress.state === 'waiting' ? progress.why : ''
  // The last cause is what the database said.
  const causes = trace.split('\n').filter((text) => !text.startsWith('\t'))
  return { connector: progress.state, connectorTrace: causes.join(' | ').slice(0, 1_000) }
}

function auditOf({ verdict, sourceRows, doubts, stores }: LaneReport): Audit {
  const divergences: Record<string, number> = {}
  for (const store of Object.values(stores)) {
    for (const [kind, keys] of Object.entries(store.divergences)) divergences[kind] = (divergences[kind] ?? 0) + keys
  }
  const all = [...doubts, ...Object.values(stores).flatMap((store) => store.doubts)]
  return { verdict, orders: sourceRows, doubts: [...new Set(all)].slice(0, 20), divergences }
}
