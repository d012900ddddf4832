/** The state of any moment, and whether the log that tells of it is the one that was written. */
import { decodeOutcome } from '@driftlab/order-events'
import { openEventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import { planDay } from '../laboratory/order-commands.ts'
import { defineExperiment, type Fact, type RunContext, type Table } from '../runner/experiment.ts'
import { checks, isNamed } from './checks.ts'
import { entriesOf, entrySchema, tamperings, type Entry } from './history.ts'
import { keepLedger } from './ledger.ts'
import { copyOf, endsOf, otherEnds, readChain, tamper } from './tamper.ts'
import { travelTo } from './travel.ts'

const lane = 'event-sourcing-travel'

export const timeTravel = defineExperiment<Entry>({
  name: 'time-travel',
  claim:
    'The log folded up to any offset is the state of that moment, as clients had written it down; an event that was changed, removed, put in or put elsewhere is named with its offset, and no log that is whole is accused.',
  refutedBy:
    'An offset at which the fold differs from what clients were told by then, something done to the middle of a chain that is not found or found elsewhere, or a log accused that nobody has touched.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report: (history) => ({ tables: [tableOf(history)], charts: [], facts: factsOf(history) }),
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { record, quick, random, progress } = context
  progress('a day of orders, decided in the log')
  const opened = await openEventSourcedLane(context.laboratory(), lane, { processors: 2 })
  const sent = planDay({ random, orders: quick ? 200 : 1_000, changesMax: 8, limitedSkus: 3 })
  await opened.send(sent)
  await opened.settle()

  const told = (await opened.records(opened.topics.outcomes)).map(({ partition, value }) => ({
    partition,
    outcome: decodeOutcome(value),
  }))
  const ledger = keepLedger(sent, told)
  const placed = (await opened.events()).map(({ event, record: { partition, offset } }) => ({
    partition,
    offset,
    event,
  }))
  const logs = Map.groupBy(placed, ({ partition }) => partition)

  progress('back to offsets of the past')
  const ends = (await opened.admin.ranges(opened.topics.events)).map(({ partition, end }) => ({ partition, end }))
  const travels = quick ? 200 : 1_000
  for (const { partition, end } of ends) record(travelTo(partition, logs.get(partition) ?? [], end, ledger))
  for (let turn = 0; turn < travels; turn += 1) {
    const { partition, end } = ends[Math.floor(random() * ends.length)] ?? { partition: 0, end: 0 }
    record(travelTo(partition, logs.get(partition) ?? [], Math.floor(random() * (end + 1)), ledger))
  }

  progress('tampering with copies')
  const rounds = quick ? 4 : 20
  for (const [partition, log] of logs) {
    const events = log.map(({ event }) => event)
    const copies = events.map(copyOf)
    const whole = readChain(copies)
    record({ kind: 'untouched', partition, events: copies.length, accused: whole.accused })
    for (let round = 0; round < rounds; round += 1) {
      const beginning = copies.slice(0, Math.floor(random() * (copies.length + 1)))
      record({ kind: 'untouched', partition, events: beginning.length, accused: readChain(beginning).accused })
      for (const how of tamperings) {
        const { log: changed, key, expected } = tamper(how, events, { random })
        const { accused, states } = readChain(changed)
        const others = accused === null ? [...otherEnds(endsOf(whole.states), endsOf(states))] : null
        record({
          ...{ kind: 'tampered', how, partition, events: events.length, key },
          ...{ expected, accused, otherEnds: others },
        })
      }
    }
  }
}

function tableOf(history: readonly Entry[]): Table {
  return {
    title: 'Logs tampered with',
    head: ['what was done', 'logs', 'named by the chain', 'named by the ends alone', 'as'],
    rows: tamperings.map((how) => {
      const tried = entriesOf(history, 'tampered').filter((tampered) => tampered.how === how)
      const reasons = new Set(tried.flatMap(({ accused }) => (accused === null ? [] : [accused.reason])))
      return [
        ...[how, String(tried.length), String(tried.filter(isNamed).length)],
        String(tried.filter(({ otherEnds: keys, key }) => keys?.join() === key).length),
        reasons.size === 0 ? '–' : [...reasons].join(', '),
      ]
    }),
  }
}

function factsOf(history: readonly Entry[]): readonly Fact[] {
  const travelled = entriesOf(history, 'travel')
  const right = travelled.filter(({ folded, kept }) => folded === kept).length
  if (travelled.length === 0) return []
  return [
    {
      ...{ strategy: 'event-sourcing', against: 'the state of any moment' },
      fact: `${right} of ${travelled.length} offsets are as clients were told then`,
    },
  ]
}
