/**
 * Change data capture: write the system of record, and nothing else.
 *
 * The commit is the whole write. Debezium reads it from PostgreSQL's log, and the sinks carry it to the other stores
 * in the order of the log, however often any of them fails on the way.
 */
import type { SystemOfRecord, WriteStrategy } from './strategy.ts'

export function cdcStrategy(orders: SystemOfRecord): WriteStrategy {
  return {
    async create(command) {
      const { row } = await orders.create(command)
      return row
    },

    async update(id, decide) {
      return await orders.update(id, decide)
    },

    async remove(id, guard) {
      await orders.remove(id, guard)
    },
  }
}
