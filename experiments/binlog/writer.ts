/** Writes the plan's transactions to both databases at once, each client on a connection of its own in each. */
import type { RunContext } from '../runner/experiment.ts'
import type { Database } from './databases.ts'
import type { Entry, EntryOf } from './history.ts'
import type { Transaction } from './plan.ts'

export interface Writer {
  /** The transactions of each client; resolves when both databases have answered to all of them. */
  write(transactions: readonly (readonly Transaction[])[], seen: EntryOf<'transaction'>['seen']): Promise<void>
  /** How many transactions either database has answered to. */
  written(): number
  /** Of every order that was ever written, also of those that were rolled back. */
  readonly ids: ReadonlySet<string>
}

export async function openWriter(
  { record, signal }: RunContext<Entry>,
  databases: readonly Database[],
  clients: number,
): Promise<Writer> {
  const ids = new Set<string>()
  let written = 0
  const sessions = await Promise.all(
    databases.map(async (database) => ({
      database,
      ofClient: await Promise.all(Array.from({ length: clients }, () => database.openSession())),
    })),
  )
  return {
    write: async (transactions, seen) => {
      for (const { statements } of transactions.flat()) {
        for (const statement of statements) if (statement.kind === 'insert') ids.add(statement.order.id)
      }
      await Promise.all(
        sessions.flatMap(({ database, ofClient }) =>
          transactions.map(async (ofThisClient, client) => {
            for (const transaction of ofThisClient) {
              signal.throwIfAborted()
              await ofClient[client]?.run(transaction)
              written += 1
              const { outcome, statements } = transaction
              record({
                type: 'transaction',
                ...{ database: database.name, client, seen, outcome },
                kinds: statements.map(({ kind }) => kind),
              })
            }
          }),
        ),
      )
    },
    written: () => written,
    ids,
  }
}
