/**
 * What a store remembers of a delete, and for how long: orders are written, deleted, and written once more by a change
 * that is older than the delete, as a zombie or a redelivery would.
 */
import { v7 as uuidV7 } from 'uuid'
import topicsFile from '../../infra/kafka/topics.json' with { type: 'json' }
import { configSchema } from '../../services/cache-updater/src/config.ts'
import { defineExperiment, type RunContext } from '../runner/experiment.ts'
import { deleteAt, orderRow, upsertAt } from '../../packages/sink-contract/src/changes.ts'
import { checks, tried } from './checks.ts'
import { entrySchema, type Entry, type Trial } from './history.ts'
import { clickhouseSubjects, elasticsearchSubjects, redisSubjects, type Moment, type Subject } from './subjects.ts'

const ordersPerTrial = 25

export const tombstonesExpire = defineExperiment<Entry>({
  name: 'tombstones-expire',
  claim:
    'Where a store has forgotten a delete, a stale write brings the order back; while our fence stands, it does not.',
  refutedBy:
    'A stale write that resurrects an order behind a standing fence, or one that resurrects nothing where the store has forgotten the delete.',
  needs: 'laboratory',
  entry: entrySchema,
  run: async (context) => {
    const laboratory = context.laboratory()
    const topic = topicsFile.topics.find(({ name }) => name === 'driftlab.cdc.orders')
    context.record({
      kind: 'lifetimes',
      redisFenceS: configSchema.shape.DELETED_VERSION_TTL_S.parse(undefined),
      topicTombstoneS: Number(topic?.config['delete.retention.ms']) / 1_000,
    })
    const subjects = await Promise.all([
      redisSubjects(laboratory),
      clickhouseSubjects(laboratory),
      // The default takes a minute, and shows nothing that a second does not.
      ...(context.quick ? [1] : [1, 60]).map((gcDeletesS) => elasticsearchSubjects(laboratory, gcDeletesS)),
    ])
    await Promise.all(
      subjects.flat().map(async (subject) => {
        for (const moment of subject.moments) await tryBoth(context, subject, moment)
      }),
    )
  },
  checks,
  report: (history) => ({
    tables: [
      {
        title: 'Orders that a reader sees after a late write, of those that were deleted before it',
        head: ['store', 'deleted by', 'meanwhile', 'late write', 'seen', 'of'],
        rows: history
          .filter((entry) => entry.kind === 'trial')
          .toSorted((left, right) => keyOf(left).localeCompare(keyOf(right)))
          .map(({ store, approach, meanwhile, late, alive, orders }) => [
            ...[store, approach, meanwhile, late],
            ...[String(alive), String(orders)],
          ]),
      },
    ],
    charts: [],
    facts: [true, false].flatMap((forgotten) => {
      const trials = tried(history, { approach: 'fence', late: 'stale', forgotten })
      const total = (of: 'alive' | 'orders'): number => trials.reduce((sum, trial) => sum + trial[of], 0)
      const when = forgotten ? 'after the fence has gone' : 'behind the fence'
      return total('orders') === 0
        ? []
        : [
            {
              ...{ strategy: 'cdc', against: 'a stale write after a delete' },
              fact: `${total('alive')} of ${total('orders')} came back ${when}`,
            },
          ]
    }),
  }),
})

const keyOf = ({ store, approach, late, forgotten, meanwhile }: Trial): string =>
  [store, approach, late, forgotten, meanwhile].join('/')

async function tryBoth(context: RunContext<Entry>, subject: Subject, moment: Moment): Promise<void> {
  const { store, approach } = subject
  const { meanwhile, forgotten } = moment
  const trials = (['stale', 'newer'] as const).map((late) => ({
    late,
    ids: Array.from({ length: ordersPerTrial }, () => uuidV7()),
  }))
  const ids = trials.flatMap((trial) => trial.ids)
  context.progress(`${store}, ${approach}`, `late writes after ${meanwhile}`)
  await subject.write(ids.map((id) => upsertAt(10, orderRow(id, 1))))
  await subject.write(ids.map((id) => deleteAt(30, orderRow(id, 3))))
  const left = await subject.alive(ids)
  if (left > 0) throw new Error(`${store}, ${approach}: ${left} of ${ids.length} deleted orders are still to be seen`)
  await moment.pass()
  for (const { late, ids: own } of trials) {
    await subject.write(
      own.map((id) => (late === 'stale' ? upsertAt(20, orderRow(id, 2)) : upsertAt(40, orderRow(id, 4)))),
    )
    const alive = await subject.alive(own)
    context.record({ kind: 'trial', store, approach, meanwhile, forgotten, late, orders: own.length, alive })
  }
}
