/** What was done, and what it was done for: the same requests to a lane of rows and to a lane of events. */
import type { ChangeEvent } from '@driftlab/change-event'
import { connectLog } from '@driftlab/kafka'
import { laneNames, orderRecords, parseOrderRow, toDocument, type OrderDocument } from '@driftlab/order'
import type { DomainEvent, FactType } from '@driftlab/order-events'
import { createLane, dropLane } from '../../infra/postgres/lane.ts'
import { readChanges } from '../laboratory/change-log.ts'
import { openConnector } from '../laboratory/connector.ts'
import { digestOf } from '../laboratory/digest.ts'
import { openEventSourcedLane } from '../laboratory/event-sourced-lane.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { startOrders } from '../laboratory/orders-service.ts'
import { defineExperiment, type Chart, type Fact, type RunContext, type Table } from '../runner/experiment.ts'
import { bestRuleFor, checks, isAnswered, percent } from './checks.ts'
import { entriesOf, entrySchema, habits, questions, type Entry, type Question } from './history.ts'
import { tell, type Story } from './plan.ts'
import { changeFor, featuresOf, type RowChange } from './rows.ts'
import { act } from './shops.ts'

const rowLane = 'cdc-intent'
const eventLane = 'event-sourcing-intent'

export const intentAndEffect = defineExperiment<Entry>({
  name: 'intent-and-effect',
  claim:
    'Row changes keep what became of an order, and events also why: of the same actions, who cancelled, why an item is gone and who changed a name follow from the events every time, and from the rows not even the best rule gets them right.',
  refutedBy:
    'An answer from the events that is wrong, orders that end differently in the two lanes, or a rule over row changes that is wrong less than once in a hundred.',
  needs: 'laboratory',
  entry: entrySchema,
  run,
  checks,
  report: (history) => ({ tables: [tableOf(history)], charts: [chartOf(history)], facts: factsOf(history) }),
})

async function run(context: RunContext<Entry>): Promise<void> {
  const { record, quick, random, progress, signal } = context
  const laboratory = context.laboratory()
  const stories = Array.from({ length: quick ? 240 : 900 }, (_, order) =>
    // In pairs, so that each habit has as many orders to learn from as to try the rule on.
    tell({ random }, habits[Math.floor(order / 2) % habits.length] ?? 0),
  )

  progress('the same requests to both lanes')
  const rows = await openRowLane(laboratory)
  const events = await openEventSourcedLane(laboratory, eventLane, { processors: 1 })
  const [eventService] = await events.startOrders(1)
  if (eventService === undefined) throw new Error('no orders service was started')
  const [rowIds, eventIds] = await Promise.all([
    act(rows.serviceUrl, stories, signal),
    act(eventService.url, stories, signal),
  ])

  progress('reading what each lane has kept')
  await events.settle()
  const recorded = Map.groupBy(
    (await events.events()).map(({ event }) => event),
    ({ key }) => key,
  )
  const fold = await events.fold()
  const changes = rowChangesOf(await rows.changes(stories.reduce((sum, { actions }) => sum + 1 + actions.length, 0)))
  for (const [order, story] of stories.entries()) {
    const own = changes.get(rowIds[order] ?? '')
    const state = fold.state(eventIds[order] ?? '')
    record({
      ...{ kind: 'order', order, row: digestOf(effectOf(own?.last)) },
      folded: digestOf(effectOf(state.kind === 'order' ? state.order : undefined)),
    })
    recordActions(record, {
      order,
      story,
      changes: own?.changes ?? [],
      events: recorded.get(eventIds[order] ?? '') ?? [],
    })
  }
}

const answeredBy: Readonly<Record<Question, FactType>> = {
  'Who cancelled it?': 'OrderCancelled',
  'Why is the item gone?': 'ItemRemoved',
  'Who changed the name?': 'CustomerNameCorrected',
}

function recordActions(
  record: RunContext<Entry>['record'],
  kept: {
    readonly order: number
    readonly story: Story
    readonly changes: readonly RowChange[]
    readonly events: readonly DomainEvent[]
  },
): void {
  const { order, story, changes, events } = kept
  for (const { question, cause, reason } of story.actions) {
    if (question === null) continue
    const event = events.find(({ type }) => type === answeredBy[question])
    const change = changeFor(question, changes)
    record({
      ...{ kind: 'action', order, habit: story.habit, question, cause, reason },
      event: event === undefined ? null : { type: event.type, actor: event.actor, reason: event.reason },
      change: change === undefined ? null : featuresOf(change),
    })
  }
}

interface RowLane {
  readonly serviceUrl: string
  /** Waits for so many. */
  changes(count: number): Promise<readonly ChangeEvent[]>
}

async function openRowLane(laboratory: Laboratory): Promise<RowLane> {
  const { postgres, url } = laboratory
  const { schema } = laneNames(rowLane)
  await dropLane(postgres, schema)
  laboratory.atEnd(() => dropLane(postgres, schema))
  await createLane(postgres, schema)
  const { topic } = await openConnector(laboratory, { name: rowLane, schema })
  const [service] = await startOrders(laboratory, { lane: rowLane, strategy: 'cdc', instances: 1 })
  if (service === undefined) throw new Error('no orders service was started')
  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: rowLane }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  return {
    serviceUrl: service.url,
    changes: (count) => readChanges(admin, topic, orderRecords(rowLane).debezium, count),
  }
}

/** By order: its changes, and its row in the end. */
function rowChangesOf(
  changes: readonly ChangeEvent[],
): ReadonlyMap<string, { readonly changes: readonly RowChange[]; readonly last: OrderDocument }> {
  const orders = new Map<string, { readonly changes: readonly RowChange[]; readonly last: OrderDocument }>()
  for (const change of changes) {
    // Nobody of this experiment deletes an order.
    if (change.kind === 'delete') continue
    const after = toDocument(parseOrderRow(change.after))
    const known = orders.get(after.id)
    const own = known === undefined ? [] : [...known.changes, { before: known.last, after }]
    orders.set(after.id, { changes: own, last: after })
  }
  return orders
}

/** What was done to the order; when, and under which id, differs from lane to lane. */
function effectOf(order: OrderDocument | undefined): unknown {
  return order === undefined ? null : { ...order, id: '', createdAt: '', updatedAt: '' }
}

function tableOf(history: readonly Entry[]): Table {
  return {
    title: 'Answers that are wrong',
    head: ['question', 'habit', 'actions', 'from events', 'from rows, by the best rule', 'which looks at'],
    rows: questions.flatMap((question) =>
      habits.map((habit) => {
        const actions = entriesOf(history, 'action').filter(
          (action) => action.question === question && action.habit === habit,
        )
        const result = bestRuleFor(history, question, habit)
        return [
          ...[question, String(habit), String(actions.length)],
          String(actions.filter((action) => !isAnswered(action)).length),
          result === undefined ? '' : `${result.wrong} of ${result.tried}: ${percent(result.share)}`,
          result === undefined ? '' : result.looksAt.join(', ') || 'nothing: always the same answer',
        ]
      }),
    ),
  }
}

function chartOf(history: readonly Entry[]): Chart {
  return {
    title: 'Wrong answers of the best rule over row changes',
    kind: 'line',
    x: 'how often those who act keep to habits of their own',
    y: '%',
    series: questions.map((question) => ({
      name: question,
      points: habits.flatMap((habit) => {
        const share = bestRuleFor(history, question, habit)?.share
        if (share === undefined) return []
        return [{ x: habit, y: share.estimate * 100, low: share.low * 100, high: share.high * 100 }]
      }),
    })),
  }
}

function factsOf(history: readonly Entry[]): readonly Fact[] {
  const actions = entriesOf(history, 'action')
  const results = questions.flatMap((question) =>
    habits.flatMap((habit) => bestRuleFor(history, question, habit) ?? []),
  )
  if (actions.length === 0 || results.length === 0) return []
  const against = 'who it was, and why'
  const tried = results.reduce((sum, result) => sum + result.tried, 0)
  const wrong = results.reduce((sum, result) => sum + result.wrong, 0)
  const answered = actions.filter(isAnswered).length
  return [
    { strategy: 'event-sourcing', against, fact: `${answered} of ${actions.length} answers right` },
    { strategy: 'cdc', against, fact: `${wrong} of ${tried} answers of the best rule wrong` },
  ]
}
