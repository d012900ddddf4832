/**
 * What the promises of the pipeline rest on, as data: each guard, how it is taken out, and the test that must then fail.
 *
 * A removal is a piece of a file's text and what stands in its place. The text has to be there exactly once, so that a
 * guard which is moved or rewritten is not forgotten here. `symptom` is what the failing test has to say: it must miss
 * the guard, not stumble over code that no longer runs.
 *
 * The fault tests are named wherever they show a removal for certain. Elsewhere it is the test of one real store or of
 * the log: a process would have to die within a millisecond for a fault to show it, or the final state is the same
 * either way.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ComponentName } from '../infra/native/src/index.ts'
import type { Kind } from './jest.ts'

export interface Removal {
  readonly file: string
  readonly text: string
  readonly replacement: string
}

export interface Guard {
  readonly name: string
  readonly removal: readonly Removal[]
  readonly test: { readonly kind: Kind; readonly path: string; readonly name: string }
  readonly symptom: string
  /** Of an end-to-end test: what runs the changed files, and has to be started anew. */
  readonly components?: readonly ComponentName[]
}

const zombies = {
  kind: 'e2e',
  path: 'tests/e2e/zombies.e2e.test.ts',
  name: 'sinks that are frozen until others have taken over change nothing with what they still hold',
} as const

export const guards: readonly Guard[] = [
  {
    name: 'a batch is written in the order of the log',
    removal: [
      {
        file: 'packages/sink/src/plan.ts',
        text: 'for (const record of records) {',
        replacement: 'for (const record of records.toReversed()) {',
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/sink/src/plan.unit.test.ts',
      name: 'wherever batches are cut, the store ends in the same state and the same records are parked',
    },
    symptom: 'expect(received).toEqual(expected)',
  },
  {
    name: 'of a batch, the last operation of each key is written',
    removal: [
      {
        file: 'packages/sink/src/plan.ts',
        text: 'planned.operation = operation\n',
        replacement: '\n',
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/sink/src/plan.unit.test.ts',
      name: 'offers the last operation of each key',
    },
    symptom: '"version": 1',
  },
  {
    name: 'Redis keeps the version of a deleted order',
    removal: [
      {
        file: 'services/cache-updater/src/store.ts',
        text: "redis.call('HDEL', key, 'document')\n    redis.call('HSET', key, 'version', version)",
        replacement: "redis.call('DEL', key)",
      },
    ],
    test: {
      kind: 'int',
      path: 'services/cache-updater/src/store.int.test.ts',
      name: 'a stale write never resurrects a deleted order, however long ago it was deleted',
    },
    symptom: 'expect(received).toBeUndefined()',
  },
  {
    // The sink's own user may not delete documents, so no fault of the whole pipeline can show this one.
    name: 'Elasticsearch keeps the version of a deleted order',
    removal: [
      {
        file: 'services/search-indexer/src/store.ts',
        text: 'return [action, { id: operation.key, deleted: true, deletedAt: operation.deletedAt }]',
        replacement: 'return [{ delete: action.index }]',
      },
      {
        file: 'services/search-indexer/src/store.ts',
        text: 'const item = items[at]?.index\n',
        replacement: 'const item = Object.values(items[at] ?? {})[0]\n',
      },
      {
        file: 'services/search-indexer/src/store.ts',
        text: 'if (status < 300) return',
        replacement: 'if (status < 300 || status === 404) return',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/search-indexer/src/store.int.test.ts',
      name: 'a stale write never resurrects a deleted order, however long ago it was deleted',
    },
    symptom: 'expect(received).toBeUndefined()',
  },
  {
    name: 'ClickHouse keeps the highest version',
    removal: [
      {
        file: 'infra/clickhouse/lane-cdc.sql',
        text: 'ENGINE = ReplacingMergeTree(version, deleted)',
        replacement: 'ENGINE = ReplacingMergeTree',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/warehouse-loader/src/store.int.test.ts',
      name: 'a stale update never overwrites a newer one',
    },
    symptom: '"revision": 1',
  },
  {
    name: 'stopping waits for the batch in flight',
    removal: [
      {
        file: 'packages/kafka/src/consume.ts',
        text: 'await Promise.all(inFlight)\n',
        replacement: '\n',
      },
    ],
    test: {
      kind: 'int',
      path: 'packages/kafka/src/kafka.int.test.ts',
      name: 'stopping waits for the batch in flight and commits it',
    },
    symptom: '"committed": null',
  },
  {
    name: 'a partition that is revoked is committed first',
    removal: [
      {
        file: 'packages/kafka/src/consume.ts',
        text: 'await offsets.commit()\n      throw error',
        replacement: 'throw error',
      },
    ],
    test: {
      kind: 'int',
      path: 'packages/kafka/src/kafka.int.test.ts',
      name: 'a partition that is revoked is committed first',
    },
    symptom: '+   "a"',
  },
  {
    name: 'a group whose coordinator went away is joined again',
    removal: [
      {
        file: 'packages/kafka/src/consume.ts',
        text: '!payload.restart && isFinal(payload.error)',
        replacement: '!payload.restart',
      },
    ],
    test: {
      kind: 'int',
      path: 'packages/kafka/src/kafka.int.test.ts',
      name: 'a broker that goes away between saying that it coordinates no more and who does is a pause',
    },
    symptom: 'the group reads on',
  },
  {
    name: 'sinks read committed records only',
    removal: [
      {
        file: 'packages/kafka/src/consume.ts',
        text: 'readUncommitted: false',
        replacement: 'readUncommitted: true',
      },
    ],
    test: {
      kind: 'int',
      path: 'packages/kafka/src/kafka.int.test.ts',
      name: 'a group that read every record of a transactional topic is committed at its end, markers included',
    },
    symptom: '"lost"',
  },
  {
    name: 'somebody listens to a connection that is checked out',
    removal: [
      {
        file: 'packages/stores/src/postgres.ts',
        text: "client.on('error', onIdleError)",
        replacement: 'void client',
      },
    ],
    test: {
      kind: 'int',
      path: 'packages/stores/src/postgres.int.test.ts',
      name: 'a connection that breaks between two statements fails the next one and ends nothing else',
    },
    symptom: 'terminating connection due to administrator command',
  },
  {
    name: 'the auditor waits until the log has its watermark',
    removal: [
      {
        file: 'services/auditor/src/sources/postgres.ts',
        text: "if (state.confirmed >= watermark) return 'reached'",
        replacement: "if (watermark >= 0n) return 'reached'",
      },
    ],
    test: {
      kind: 'int',
      path: 'services/auditor/src/log-lane.int.test.ts',
      name: 'changes that the connector, then a sink, has yet to carry are waited for, and are no divergence',
    },
    symptom: '"verdict": "diverged"',
  },
  {
    name: 'the auditor waits for transactions that are not decided',
    removal: [
      {
        file: 'services/auditor/src/log.ts',
        text: 'admin.heads(topic)',
        replacement: 'admin.ranges(topic).then((all) => new Map(all.map(({ partition, end }) => [partition, end])))',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/auditor/src/log-lane.int.test.ts',
      name: 'a change in a transaction that is not decided yet is waited for, and is no divergence',
    },
    symptom: '"verdict": "diverged"',
  },
  {
    name: 'the auditor waits until every sink has passed it',
    removal: [
      {
        file: 'services/auditor/src/settle.ts',
        text: 'if (behind === 0) behindByStore.delete(store)',
        replacement: 'if (behind >= 0) behindByStore.delete(store)',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/auditor/src/log-lane.int.test.ts',
      name: 'changes that the connector, then a sink, has yet to carry are waited for, and are no divergence',
    },
    symptom: '"verdict": "diverged"',
  },
  {
    name: 'the auditor looks twice',
    removal: [
      {
        file: 'services/auditor/src/audit.ts',
        text: "if (comparison.outcome === 'different') suspect(run, row.key, store)",
        replacement:
          "if (comparison.outcome === 'different') run.tally.countDivergence(store, comparison.kind, row.key)",
      },
    ],
    test: {
      kind: 'int',
      path: 'services/auditor/src/log-lane.int.test.ts',
      name: 'while writes go on and all arrive, none is accused',
    },
    symptom: '"verdict": "diverged"',
  },
  {
    name: 'the follower waits until no write can be in flight any more',
    removal: [
      {
        file: 'services/auditor/src/live/lane-follower.ts',
        text: 'waiting.add(key, atMs + restMs + 1)',
        replacement: 'waiting.add(key, atMs - restMs)',
      },
      {
        file: 'services/auditor/src/settle.ts',
        text: "nowMs > settledAtMs(key) ? 'settled'",
        replacement: "nowMs + inFlightMaxMs > settledAtMs(key) ? 'settled'",
      },
    ],
    test: {
      kind: 'int',
      path: 'services/auditor/src/live/follow.int.test.ts',
      name: 'writes that arrive late, but within their bound, are never listed',
    },
    symptom: 'expect(received).toEqual(expected)',
  },
  {
    name: 'Redis refuses an older version',
    removal: [
      {
        file: 'services/cache-updater/src/store.ts',
        text: 'elseif current and tonumber(current) >= tonumber(version) then',
        replacement: 'elseif false then',
      },
    ],
    test: zombies,
    symptom: '"redis ',
    components: ['cache-updater'],
  },
  {
    name: 'Elasticsearch refuses an older version',
    removal: [
      {
        file: 'services/search-indexer/src/store.ts',
        text: ", version: operation.version, version_type: 'external' as const",
        replacement: '',
      },
    ],
    test: zombies,
    symptom: '"elasticsearch ',
    components: ['search-indexer'],
  },
  {
    name: 'nothing is committed before the decision is on disk',
    removal: [
      {
        file: 'services/orders/src/two-phase/coordinator.ts',
        text: '      await decide(name)\n',
        replacement: '',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/orders/src/two-phase/coordinator.int.test.ts',
      name: 'neither: a removal',
    },
    symptom: '"order": "ring twice"',
  },
  {
    name: 'what was decided is committed by recovery, not rolled back',
    removal: [
      {
        file: 'services/orders/src/two-phase/coordinator.ts',
        text: "if (decided.has(name)) return 'commit'",
        replacement: "if (decided.has(name)) return 'rollback'",
      },
    ],
    test: {
      kind: 'int',
      path: 'services/orders/src/two-phase/coordinator.int.test.ts',
      name: 'for longer leaves the answer open, and the write is committed everywhere later',
    },
    symptom: '"decided"',
  },
  {
    name: 'recovery leaves alone what a write is busy with',
    removal: [
      {
        file: 'services/orders/src/two-phase/coordinator.ts',
        text: 'busy.has(name) || log.has(name) ?',
        replacement: 'log.has(name) ?',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/orders/src/two-phase/coordinator.int.test.ts',
      name: 'a transaction that a write is busy with is left alone by the search for those in doubt',
    },
    symptom: '"busy"',
  },
  {
    name: 'a decision is remembered until every database has carried it out',
    removal: [
      {
        file: 'services/orders/src/two-phase/coordinator.ts',
        text: '        // A connection was cut, perhaps no more than that.\n',
        replacement: '        log.forget([name])\n',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/orders/src/two-phase/coordinator.int.test.ts',
      name: 'for longer leaves the answer open, and the write is committed everywhere later',
    },
    symptom: '"decided"',
  },
  {
    name: 'the database where writers begin commits last',
    removal: [
      {
        file: 'services/orders/src/two-phase/coordinator.ts',
        text: '[...transactions.entries()].toReversed()',
        replacement: '[...transactions.entries()]',
      },
      {
        file: 'services/orders/src/two-phase/coordinator.ts',
        text: 'participants.toReversed()',
        replacement: 'participants',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/orders/src/two-phase/coordinator.int.test.ts',
      name: 'lets nobody see in the orders what the read model does not have yet',
    },
    symptom: 'Received promise resolved instead of rejected',
  },
  {
    name: 'a transaction that PostgreSQL rolled back does not count as prepared',
    removal: [
      {
        file: 'services/orders/src/transactions.ts',
        text: "      if (command !== 'PREPARE') throw new DatabaseError('bug', new Error(`preparing ended in ${command}`))\n",
        replacement: '',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/orders/src/two-phase/coordinator.int.test.ts',
      name: 'a transaction that has failed cannot be prepared',
    },
    symptom: 'Received promise resolved instead of rejected',
  },
  {
    name: 'one coordinator has the log',
    removal: [
      {
        file: 'services/orders/src/two-phase/decision-log.ts',
        text: 'pragma locking_mode = exclusive;',
        replacement: '',
      },
    ],
    test: {
      kind: 'unit',
      path: 'services/orders/src/two-phase/decision-log.unit.test.ts',
      name: 'one process has the log at a time',
    },
    symptom: 'Received function did not throw',
  },
  {
    name: 'an offset is committed after the acknowledgement',
    removal: [
      {
        file: 'packages/kafka/src/consume.ts',
        text: 'offsets.commitThrough(payload)\n    const outcome',
        replacement:
          'offsets.commitThrough(payload)\n    offsets.advance(batch, parseOffset(BigInt(batch.lastOffset()) + 1n))\n    const outcome',
      },
    ],
    test: {
      kind: 'e2e',
      path: 'tests/e2e/faults.e2e.test.ts',
      name: 'no key diverges after kill -9 of warehouse-loader while clickhouse is down',
    },
    symptom: '"clickhouse ',
    components: ['warehouse-loader'],
  },
  {
    name: 'a sink pauses while its store is away',
    removal: [
      {
        file: 'packages/sink/src/run.ts',
        text: "pauseFor(error, 1)\n      return 'postponed'",
        replacement: "pauseFor(error, 1)\n      return 'processed'",
      },
      {
        file: 'packages/sink/src/run.ts',
        text: "if (outage !== undefined) return 'postponed'",
        replacement: "if (outage !== undefined) return 'processed'",
      },
    ],
    test: {
      kind: 'e2e',
      path: 'tests/e2e/faults.e2e.test.ts',
      name: 'no key diverges after redis down for 20 s',
    },
    symptom: '"redis ',
    components: ['cache-updater'],
  },
  {
    name: 'poison is parked, not skipped',
    removal: [
      {
        file: 'packages/sink/src/run.ts',
        text: '      await parkAll(poison)\n',
        replacement: '',
      },
    ],
    test: {
      kind: 'e2e',
      path: 'tests/e2e/drift.e2e.test.ts',
      name: 'poison records are parked with their reasons by every sink, shown by the audit, and stop nothing',
    },
    symptom: '+   0,',
    components: ['cache-updater'],
  },
  {
    name: 'records and their source offset are written in one transaction',
    removal: [
      {
        file: 'infra/connect/worker.properties',
        text: 'exactly.once.source.support=enabled',
        // The rest only shortens the test: offsets are otherwise written once a minute, and the audit waits for them.
        replacement: 'exactly.once.source.support=disabled\noffset.flush.interval.ms=3000',
      },
      {
        file: 'infra/connect/orders-connector.json',
        text: '"exactly.once.support": "required"',
        replacement: '"exactly.once.support": "requested"',
      },
    ],
    test: {
      kind: 'e2e',
      path: 'tests/e2e/faults.e2e.test.ts',
      name: 'no key diverges after kill -9 of connect, and the log repeats no change',
    },
    symptom: '+   "0/',
    components: ['connect', 'connector'],
  },
  {
    name: 'the lock is held until every store has acknowledged',
    removal: [
      {
        file: 'services/orders/src/strategies/dual-write-in-transaction.ts',
        text: 'return await orders.update(id, decide, (updated) => inTurn(stores, (store) => store.put(updated), []))',
        replacement:
          'const row = await orders.update(id, decide); await inTurn(stores, (store) => store.put(row), []); return row',
      },
    ],
    test: {
      kind: 'unit',
      path: 'experiments/interleavings/interleavings.unit.test.ts',
      name: 'with the lock held until the store has acknowledged, no run diverges while nothing fails',
    },
    symptom: 'Expected: 0n',
  },
  {
    name: 'an event is told in the transaction that it tells of',
    removal: [
      {
        file: 'services/orders/src/strategies/outbox.ts',
        text: 'values: [row.id, event, JSON.stringify(row)] })',
        replacement: 'values: [row.id, event, JSON.stringify(row)] }).catch(() => undefined)',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/orders/src/strategies/outbox.int.test.ts',
      name: 'no order without its event: when the event cannot be written, neither is the order',
    },
    symptom: '-   422,',
  },
  {
    name: 'a request that was answered before tells nothing again',
    removal: [
      {
        file: 'services/orders/src/repository.ts',
        text: "if (created.outcome === 'created') await beforeCommit",
        replacement: 'await beforeCommit',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/orders/src/strategies/outbox.int.test.ts',
      name: 'a request that changes nothing tells nothing',
    },
    symptom: 'Received length: 2',
  },
  {
    name: 'a relay publishes before it forgets',
    removal: [
      {
        file: 'services/relay/src/readers/take.ts',
        text: '    await publish(rows)\n',
        replacement: '',
      },
      {
        file: 'services/relay/src/readers/take.ts',
        text: '    return rows.length\n',
        replacement: '    await publish(rows)\n    return rows.length\n',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/relay/src/relay.int.test.ts',
      name: 'when take dies before it has published, and again before it knows that it has, nothing is lost and the last word stays',
    },
    symptom: '-   "a: 1",',
  },
  {
    name: 'a relay forgets only what it has read',
    removal: [
      {
        file: 'services/relay/src/readers/take.ts',
        text: 'where seq = any($1::bigint[])',
        replacement: 'where seq <= ($1::bigint[])[array_upper($1::bigint[], 1)]',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/relay/src/relay.int.test.ts',
      name: 'take publishes a row that appears while others are being published',
    },
    symptom: '-   "late: 1",',
  },
  {
    name: 'a relay publishes in the order of the numbers',
    removal: [
      {
        file: 'services/relay/src/readers/take.ts',
        text: 'order by ${table.name}.seq',
        replacement: 'order by ${table.name}.xid, ${table.name}.seq',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/relay/src/relay.int.test.ts',
      name: 'take publishes its rows in their order',
    },
    symptom: 'expect(received).toEqual(expected)',
  },
  {
    name: 'one relay of a topic at a time',
    removal: [
      {
        file: 'services/relay/src/relay.ts',
        text: 'if (rows[0]?.locked === true) return true',
        replacement: 'if (rows.length === 1) return true',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/relay/src/relay.int.test.ts',
      name: 'of two relays of one topic one works, and the other takes over when it goes',
    },
    symptom: 'Expected: "waiting"',
  },
  {
    name: 'a relay that was cut off is fenced off',
    removal: [
      {
        file: 'services/relay/src/relay.ts',
        text: '`driftlab-relay-${topic}`',
        replacement: '`driftlab-relay-${crypto.randomUUID()}`',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/relay/src/relay.int.test.ts',
      name: 'a relay that was cut off and does not know it cannot publish after its successor',
    },
    symptom: 'Expected: "refused"',
  },
  {
    name: 'an event under the key of another order is poison',
    removal: [
      {
        file: 'packages/change-event/src/keyed.ts',
        text: 'if (row[keyColumn] !== key) {',
        replacement: 'if (row[keyColumn] === undefined) {',
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/change-event/src/keyed.unit.test.ts',
      name: 'a domain event with another key is poison',
    },
    symptom: '"type": "change"',
  },
  {
    name: 'an update of the primary key that Maxwell wrote under the new key alone is not taken for a change of one order',
    removal: [
      {
        file: 'packages/change-event/src/maxwell.ts',
        text: "  if (content.kind === 'update') checkKey(key, content.before ?? row)\n",
        replacement: '',
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/change-event/src/maxwell.unit.test.ts',
      name: 'a record of Maxwell with an update of the key is poison',
    },
    symptom: 'expect(received).toMatchObject(expected)',
  },
  {
    name: 'the table of a change is read off the field that its connector means',
    removal: [
      {
        file: 'packages/change-event/src/debezium.ts',
        text: "source[schemaField(source['connector'])]",
        replacement: "source['db'] ?? source['schema']",
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/change-event/src/decode.unit.test.ts',
      name: 'decode a connector whose envelope nobody knows is poison',
    },
    symptom: 'expect(received).toMatchObject(expected)',
  },
  {
    name: 'times without a zone are UTC',
    removal: [
      {
        file: 'packages/order/src/order.ts',
        text: "`${time.replace(' ', 'T')}Z`",
        replacement: 'time',
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/order/src/order-row.unit.test.ts',
      name: 'text without a zone is UTC, also where the clocks show another time',
    },
    symptom: 'expect(received).toBe(expected)',
  },
  {
    name: 'a stock gives out no more than it has',
    removal: [
      {
        file: 'packages/order-events/src/decide.ts',
        text: 'if (availableUnits(state) < wanted.quantity) {',
        replacement: 'if (availableUnits(state) === Number.NaN) {',
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/order-events/src/order-events.unit.test.ts',
      name: 'whatever is asked in whatever order, no more is reserved than there is',
    },
    symptom: 'toBeGreaterThanOrEqual',
  },
  {
    name: 'an event carries the hash of what it says',
    removal: [
      {
        file: 'packages/order-events/src/event.ts',
        text: 'if (hash !== hashOf(recorded)) {',
        replacement: "if (hash === '') {",
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/order-events/src/order-events.unit.test.ts',
      name: 'a tampered event, one of an unknown version or kind, and one of another key are named',
    },
    symptom: 'Expected: "chain-broken"',
  },
  {
    name: 'an event is followed only by the next of its key',
    removal: [
      {
        file: 'packages/order-events/src/state.ts',
        text: 'if (event.sequence !== state.sequence + 1) {',
        replacement: 'if (event.sequence === 0) {',
      },
    ],
    test: {
      kind: 'unit',
      path: 'packages/order-events/src/order-events.unit.test.ts',
      name: 'a lost event shows as a gap, and one that was put in as a broken chain',
    },
    symptom: 'Expected: "sequence-gap"',
  },
  {
    name: 'a repeated command gets the first answer',
    removal: [
      {
        file: 'services/order-processor/src/decide-batch.ts',
        text: 'if (before !== undefined && !isQuestion(command)) {',
        replacement: 'if (before !== undefined && isQuestion(command)) {',
      },
    ],
    test: {
      kind: 'unit',
      path: 'services/order-processor/src/decide-batch.unit.test.ts',
      name: 'gives each command one outcome, in their order, and a repeat the first one again without an event',
    },
    symptom: 'expect(received).toEqual(expected)',
  },
  {
    name: 'a partition has one transactional id',
    removal: [
      {
        file: 'services/order-processor/src/partition.ts',
        text: 'log.connectProducer({ transactionalId: `${processorName}-${lane}-${partition}` })',
        replacement:
          'log.connectProducer({ transactionalId: `${processorName}-${lane}-${partition}-${crypto.randomUUID()}` })',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/order-processor/src/processor.int.test.ts',
      name: 'a zombie can decide, and its decisions are not written',
    },
    symptom: 'Received promise resolved instead of rejected',
  },
  {
    name: 'a processor takes no state for its own whose last records are not in the log',
    removal: [
      {
        file: 'services/order-processor/src/recover.ts',
        text: '  if (!isOurs) throw anotherHistory()\n',
        replacement: '',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/order-processor/src/processor.int.test.ts',
      name: 'with the state of another log, of orders, no command behind 1 of its own is left out, nor decided twice',
    },
    symptom: 'every command has an outcome',
  },
  {
    name: 'a processor takes no state for its own that does not know the last outcome',
    removal: [
      {
        file: 'services/order-processor/src/recover.ts',
        text: 'place && isKnown(outcome, store)',
        replacement: 'place && (isKnown(outcome, store) || true)',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/order-processor/src/processor.int.test.ts',
      name: 'with the state of another log, of refusals alone, no command behind 2 of its own is left out, nor decided twice',
    },
    symptom: 'expect(received).toEqual(expected)',
  },
  {
    name: 'commands before the place are left out',
    removal: [
      {
        file: 'services/order-processor/src/partition.ts',
        text: 'batch.records.filter(({ offset }) => offset >= place)',
        replacement: 'batch.records.filter(({ offset }) => offset + place >= 0)',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/order-processor/src/processor.int.test.ts',
      name: 'a zombie can decide, and its decisions are not written',
    },
    symptom: 'toHaveLength',
  },
  ...(['redis', 'elasticsearch', 'clickhouse'] as const).flatMap((store): readonly Guard[] => [
    {
      name: `a rebuild of ${store} switches only when the filler has passed the watermark`,
      removal: [
        {
          file: 'services/rebuild/src/rebuild.ts',
          text: 'while (!(await hasPassed(admin, group, topic, watermark))) {',
          replacement: 'while (watermark.length === 0) {',
        },
      ],
      test: {
        kind: 'int',
        path: 'services/rebuild/src/rebuild.int.test.ts',
        name: `${store} it switches only when the filler has passed what the live sink had written`,
      },
      symptom: 'expect(received).toEqual(expected)',
    },
    {
      name: `a rebuild of ${store} holds the live sink's writes before its last look at the log`,
      removal: [
        {
          file: 'services/rebuild/src/rebuild.ts',
          text: 'await generation.hold()\n',
          replacement: '\n',
        },
        // Its switch would miss the hold, and fail for that.
        {
          file: 'services/rebuild/src/redis.ts',
          text: "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end",
          replacement: '',
        },
      ],
      test: {
        kind: 'int',
        path: 'services/rebuild/src/rebuild.int.test.ts',
        name: `${store} what a reader saw in the last moment before the switch is there in the first after it`,
      },
      symptom: 'toBeGreaterThanOrEqual',
    },
  ]),
  {
    name: 'a rebuild never discards the keys that readers have',
    removal: [
      {
        file: 'services/rebuild/src/redis.ts',
        text: 'if ((await currentPrefix()) !== fresh) await remove',
        replacement: 'await remove',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/rebuild/src/rebuild.int.test.ts',
      name: 'redis what readers have is never discarded, not even when the answer of the switch got lost',
    },
    symptom: 'expect(received).toEqual(expected)',
  },
  {
    name: 'no write reaches a generation of the cache that was replaced',
    removal: [
      {
        file: 'services/cache-updater/src/store.ts',
        text: "if prefix ~= ARGV[2] then return redis.error_reply('SWITCHED ' .. prefix) end",
        replacement: '',
      },
    ],
    test: {
      kind: 'int',
      path: 'services/cache-updater/src/store.int.test.ts',
      name: 'no write reaches a generation that was replaced, and none passes a hold',
    },
    symptom: 'expect(received).toBe(expected)',
  },
]

export interface GuardedFile {
  readonly path: string
  readonly guarded: string
  readonly unguarded: string
}

/** The files of a guard in a tree, with and without it. @throws when the text of a removal is not there exactly once. */
export async function guardedFiles({ removal }: Guard, tree: string): Promise<readonly GuardedFile[]> {
  const files = new Map<string, GuardedFile>()
  for (const { file, text, replacement } of removal) {
    const path = join(tree, file)
    const guarded = files.get(file)?.guarded ?? (await readFile(path, 'utf8'))
    const parts = (files.get(file)?.unguarded ?? guarded).split(text)
    if (parts.length !== 2) {
      throw new Error(`${file} has this text ${parts.length - 1} times, not once; see tests/guard-list.ts:\n${text}`)
    }
    files.set(file, { path, guarded, unguarded: parts.join(replacement) })
  }
  return [...files.values()]
}
