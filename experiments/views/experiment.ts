/**
 * A question that nobody thought of for a year: what has a customer bought? A view that answers it is built from the log,
 * beside new orders and new names of customers, and put beside a join at read time. README.md says how and why.
 */
import { isDeepStrictEqual } from 'node:util'
import { eventually } from '@driftlab/stores/testing'
import { openEventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import {
  commandsOf,
  expectAllAccepted,
  planHistory,
  startWriting,
  type Planning,
} from '../laboratory/planned-orders.ts'
import { openTopics } from '../laboratory/topics.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { percentile } from '../runner/statistics.ts'
import { checks } from './checks.ts'
import { encodeCustomer, type Customer } from './customers.ts'
import { compare, expectedDocuments } from './expected.ts'
import { entrySchema, forms, type Entry } from './history.ts'
import { openBothForms, type BothForms } from './joined.ts'
import { openPurchasesView, type PurchasesView } from './purchases-view.ts'
import { report } from './report.ts'

const laneName = 'event-sourcing-views'
const schema = 'experiment_views'
const customersTopic = 'driftlab.event_sourcing_views.customers'
const historyDays = 365
const renameDeadlineMs = 20_000

export const views = defineExperiment<Entry>({
  name: 'views',
  claim:
    'A view that nobody thought of for a year is built from the log beside new writes and lacks nothing, and a new name reaches every document that has it; what a join would do for each reader it does once for each writer.',
  refutedBy:
    'A document that is missing, too many or different from what was ordered and how its customer is called now; a document with an old name; or a rename that costs no more than in normal form.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report,
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { quick, random, record, progress } = context
  const laboratory = context.laboratory()
  const { postgres } = laboratory
  progress('starting processors')
  const drop = () => postgres.query(`drop schema if exists ${schema} cascade`)
  await drop()
  laboratory.atEnd(drop)
  await postgres.query(`create schema ${schema}`)
  const lane = await openEventSourcedLane(laboratory, laneName, { processors: 2 })
  await openTopics(laboratory, lane.admin, [
    { name: customersTopic, partitions: 2, config: { 'cleanup.policy': 'compact' } },
  ])
  const producer = await lane.log.connectProducer()
  laboratory.atEnd(() => producer.close())
  const names = new Map<string, string>()
  const name = async (customers: readonly Customer[]): Promise<void> => {
    await producer.publish(customersTopic, customers.map(encodeCustomer))
    for (const customer of customers) names.set(customer.id, customer.name)
  }

  const customers = Array.from({ length: quick ? 60 : 400 }, (_, n) => `c-${n}`)
  const planning = planningFor(customers, random)
  const past = planHistory(quick ? 1_000 : 12_000, historyDays, new Date(), planning)
  progress('a year of orders', `${past.length}, of ${customers.length} customers`)
  await name(customers.map((id) => ({ id, name: `Customer ${id}` })))
  await lane.send(commandsOf(past))
  await name(customers.filter(() => random() < 0.2).map((id) => ({ id, name: `Renamed ${id}` })))
  await lane.settle()

  progress('building the view beside new orders')
  const view = await openPurchasesView(laboratory, lane, { schema, customersTopic })
  const writer = startWriting(lane, planning)
  const begunAt = Date.now()
  const reader = await view.project()
  await reader.caughtUp()
  const builtAt = Date.now()
  const { events, documentsWritten } = { ...view.counts }

  for (let turn = 1; turn <= (quick ? 8 : 40); turn += 1) {
    progress('new names', `${turn}`)
    const id = customers[Math.floor(random() * random() * customers.length)] ?? ''
    await rename(context, view, name, { id, name: `Renamed for the ${turn}th time` })
  }
  const present = await writer.stop()
  await lane.settle()
  await reader.caughtUp()
  const written = (await lane.events()).filter(
    ({ record: { timestampMs } }) => timestampMs >= begunAt && timestampMs < builtAt,
  )
  record({
    ...{ kind: 'built', durationMs: builtAt - begunAt, events, documentsWritten },
    ...{ eventsWritten: written.length, customers: customers.length, historyDays },
  })
  const documents = await view.documents()
  record({ kind: 'compared', ...compare(documents, expectedDocuments([...past, ...present], names)) })
  await expectAllAccepted(lane)
  await reader.stop()

  progress('the same in normal form')
  const both = await openBothForms(postgres, schema)
  await measure(context, both, customers)
}

/** Some customers buy often, and many seldom. */
function planningFor(customers: readonly string[], random: () => number): Planning {
  return {
    random,
    customerId: () => customers[Math.floor(random() * random() * customers.length)] ?? '',
    items: () =>
      Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
        const article = Math.floor(random() * 50)
        return {
          sku: `tea-${article}`,
          description: `Tea number ${article}, 100 g, loose, from this year's second picking`,
          quantity: 1 + Math.floor(random() * 5),
          unitPriceCents: 200 + article * 10,
        }
      }),
  }
}

async function rename(
  { record }: RunContext<Entry>,
  view: PurchasesView,
  name: (customers: readonly Customer[]) => Promise<void>,
  customer: Customer,
): Promise<void> {
  const begunAt = performance.now()
  await name([customer])
  const isEverywhere = async (): Promise<boolean> => {
    const { documents, renamed } = await view.named(customer.id, customer.name)
    return renamed === documents
  }
  // What it finds in the end is what counts; that it did not come about in time is a finding too.
  await eventually(isEverywhere, {
    deadlineMs: renameDeadlineMs,
    intervalMs: 2,
    what: 'every document has the name',
  }).catch(() => undefined)
  const afterMs = performance.now() - begunAt
  const { documents, renamed } = await view.named(customer.id, customer.name)
  record({ kind: 'renamed', customerId: customer.id, documents, reached: renamed, afterMs })
}

async function measure(
  { quick, record, progress }: RunContext<Entry>,
  both: BothForms,
  customers: readonly string[],
): Promise<void> {
  for (const form of forms) record({ kind: 'size', form, bytes: await both.bytes(form) })
  for (const customerId of customers) {
    const [view, join] = [await both.ask('view', customerId), await both.ask('join', customerId)]
    record({ kind: 'asked', customerId, purchases: view.length, isSame: isDeepStrictEqual(view, join) })
  }
  const rounds = quick ? 6 : 20
  // The first round warms connections and caches, and is not written down.
  for (let round = 0; round <= rounds; round += 1) {
    progress('reading both ways', `round ${round} of ${rounds}`)
    for (const form of round % 2 === 0 ? forms : forms.toReversed()) {
      const latencies: number[] = []
      for (const customerId of customers) {
        const begunAt = performance.now()
        await both.ask(form, customerId)
        latencies.push(performance.now() - begunAt)
      }
      if (round === 0) continue
      const [p50Ms, p99Ms] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
      record({ kind: 'reads', round, form, reads: latencies.length, p50Ms, p99Ms })
    }
  }
  for (const customerId of customers.slice(0, quick ? 10 : 50)) {
    const documents = await both.count(customerId)
    for (const form of forms) {
      // Once before, so that no page is written whole only because it is touched for the first time.
      await both.rename(form, customerId)
      record({ kind: 'rename cost', form, customerId, documents, ...(await both.rename(form, customerId)) })
    }
  }
}
