/** One log, several replicas: what makes them the same, and what does not. */
import { eventually } from '@driftlab/stores/testing'
import { openEventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import { planDay } from '../laboratory/order-commands.ts'
import { defineExperiment, type Fact, type RunContext, type Table } from '../runner/experiment.ts'
import { checks, compare, describe, tracesOf } from './checks.ts'
import { codes, entriesOf, entrySchema, type Code, type Entry } from './history.ts'
import { startReplica, type Left, type Replica, type ReplicaOptions } from './replica.ts'

const lane = 'event-sourcing-replicas'
const readDeadlineMs = 120_000
const commandsPerSend = 40

export const stateMachineReplication = defineExperiment<Entry>({
  name: 'state-machine-replication',
  claim:
    'Replicas that take everything from the same log have the same state after every event, however they read it; one that takes the clock, a random number or the order in which partitions arrive has another, and the first offset says where.',
  refutedBy:
    'Two replicas of the log alone that differ after any event, or two replicas that take something from elsewhere and never differ.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report: (history) => ({ tables: [tableOf(history)], charts: [], facts: factsOf(history) }),
})

/** How a replica reads: how much at a time, and the pause after it. */
const manners = {
  'as it comes': { fetchBytes: 4_096, batchSizeMax: 1, restMs: 0 },
  slowly: { fetchBytes: 16_384, batchSizeMax: 7, restMs: 20 },
  'all at once': { fetchBytes: 1_048_576, batchSizeMax: 1_000, restMs: 3 },
} as const

async function run(context: RunContext<Entry>): Promise<void> {
  const { record, quick, random, progress } = context
  const laboratory = context.laboratory()
  const opened = await openEventSourcedLane(laboratory, lane, { processors: 2 })
  const start = (code: Code, manner: keyof typeof manners, from?: Left): Promise<Replica> => {
    const options: ReplicaOptions = { name: `${code}, ${manner}`, code, ...manners[manner], onBatch: record }
    return startReplica(laboratory, opened, options, from)
  }

  progress('replicas that are there from the beginning')
  const early = await Promise.all([...codes.map((code) => start(code, 'as it comes'))])
  const restarted = await start('the log alone', 'slowly')
  const day = planDay({ random, orders: quick ? 150 : 1_000, changesMax: 8, limitedSkus: 3 })
  // A few at a time, as clients do it: so the log has many places at which a reader can stop.
  for (let from = 0; from < day.length; from += commandsPerSend) {
    await opened.send(day.slice(from, from + commandsPerSend))
  }
  progress('one is stopped, and goes on from what it knew')
  await untilApplied([restarted], Math.floor(day.length / 4))
  const left = await restarted.stop()
  await opened.settle()
  const again = await start('the log alone', 'slowly', left)

  progress('replicas that come when all is over')
  const late = await Promise.all([...codes.map((code) => start(code, 'all at once'))])
  const events = await opened.events()
  for (const { event, record: at } of events) {
    record({ kind: 'event', partition: at.partition, offset: at.offset, type: event.type, key: event.key })
  }
  const replicas = [...early, again, ...late]
  await untilApplied(replicas, events.length)
  for (const replica of replicas) await replica.stop()
}

async function untilApplied(replicas: readonly Replica[], count: number): Promise<void> {
  await eventually(() => replicas.every((replica) => replica.applied() >= count), {
    deadlineMs: readDeadlineMs,
    what: `every replica has applied ${count} events`,
  })
}

function tableOf(history: readonly Entry[]): Table {
  return {
    title: 'Replicas',
    head: ['takes from', 'replicas', 'batches', 'events', 'first difference'],
    rows: codes.map((code) => {
      const { replicas, events, differences } = compare(history, code)
      const counts = [...tracesOf(history, code).keys()].map((replica) => batchesOf(history, replica))
      const [difference] = differences ?? []
      return [
        ...[code, String(replicas.length), counts.join(', '), String(events)],
        differences === undefined ? 'unknown' : difference === undefined ? 'none' : describe(difference),
      ]
    }),
  }
}

function batchesOf(history: readonly Entry[], replica: string): number {
  return entriesOf(history, 'batch').filter((batch) => batch.replica === replica).length
}

function factsOf(history: readonly Entry[]): readonly Fact[] {
  const { replicas, events, differences } = compare(history, 'the log alone')
  if (differences === undefined) return []
  return [
    {
      ...{ strategy: 'event-sourcing', against: 'several replicas of one log' },
      fact: `${replicas.length} replicas, ${events} events, ${differences.length === 0 ? 'the same after each' : 'not the same'}`,
    },
  ]
}
