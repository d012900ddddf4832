/**
 * Two-phase commit: the order and its read model are in two PostgreSQL databases, and one decision commits both.
 *
 * Neither can end with a write that the other lacks, whatever dies in between, and that without a log of changes or a
 * version. It takes databases that can prepare a transaction, that is, promise to commit it at any later time. Redis,
 * Elasticsearch and ClickHouse cannot, so they are not in this lane; and while the coordinator is away, the rows that it
 * has not decided on are locked in both.
 */
import type { Coordinator } from '../two-phase/coordinator.ts'
import { putDocument, removeDocument, type ReadModel } from '../two-phase/read-model.ts'
import type { BeforeCommit } from '../repository.ts'
import type { SystemOfRecord, WriteStrategy } from './strategy.ts'

export function twoPhaseCommitStrategy(
  orders: SystemOfRecord,
  readModel: ReadModel,
  coordinator: Pick<Coordinator, 'commit'>,
): WriteStrategy {
  const alsoIn =
    (statementFor: typeof putDocument): BeforeCommit =>
    (row, orderTransaction) =>
      readModel.inTransaction(async (documentTransaction) => {
        await documentTransaction.execute(statementFor(row))
        await coordinator.commit([orderTransaction, documentTransaction])
      })

  return {
    async create(command) {
      const { row } = await orders.create(command, alsoIn(putDocument))
      return row
    },

    async update(id, decide) {
      return await orders.update(id, decide, alsoIn(putDocument))
    },

    async remove(id, guard) {
      await orders.remove(id, guard, alsoIn(removeDocument))
    },
  }
}
