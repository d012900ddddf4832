/**
 * The transactional outbox: write the order and, in the same transaction, the domain event that tells of it.
 *
 * Both are there or neither is. Whoever publishes the events (services/relay, or Debezium) may fail as often as it
 * likes: they wait. The event carries the whole row, so that a reader needs no question back, and it is written while
 * the row is locked, so that an order's events are numbered in the order of its changes.
 */
import { laneNames, type OrderEvent } from '@driftlab/order'
import type { BeforeCommit } from '../repository.ts'
import type { SystemOfRecord, WriteStrategy } from './strategy.ts'

export function outboxStrategy(orders: SystemOfRecord, lane: string): WriteStrategy {
  const insert =
    `insert into "${laneNames(lane).schema}".outbox (aggregatetype, aggregateid, type, payload) values ('order', $1, $2, ` +
    `jsonb_build_object('type', $2::text, 'occurredAt', clock_timestamp(), 'order', $3::jsonb))`
  const tell =
    (event: OrderEvent): BeforeCommit =>
    (row, transaction) =>
      transaction.execute({ name: 'write-event', text: insert, values: [row.id, event, JSON.stringify(row)] })

  return {
    async create(command) {
      const { row } = await orders.create(command, tell('OrderPlaced'))
      return row
    },

    async update(id, decide) {
      return await orders.update(id, decide, tell('OrderChanged'))
    },

    async remove(id, guard) {
      await orders.remove(id, guard, tell('OrderRemoved'))
    },
  }
}
