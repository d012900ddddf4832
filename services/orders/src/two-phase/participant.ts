/** A database that holds transactions in doubt, from the side that ends them: the coordinator's recovery. */
import { DatabaseError, type Postgres } from '@driftlab/stores'
import { z } from 'zod'
import { ask, type Statement } from '../transactions.ts'

export type Outcome = 'commit' | 'rollback'

export interface Participant {
  /** Those that wait in it, of names that begin with `prefix`. @throws {DatabaseError} */
  inDoubt(prefix: string): Promise<readonly string[]>
  /** Ends one; that it is no longer there is no error. @throws {DatabaseError} */
  end(transaction: string, outcome: Outcome): Promise<void>
}

const rowsSchema = z.array(z.object({ gid: z.string() }))

export function postgresParticipant(postgres: Postgres): Participant {
  return {
    inDoubt: async (prefix) => {
      const { rows } = await ask(postgres, {
        text: 'select gid from pg_prepared_xacts where database = current_database() and starts_with(gid, $1)',
        values: [prefix],
      })
      return rowsSchema.parse(rows).map(({ gid }) => gid)
    },
    end: async (transaction, outcome) => {
      try {
        await ask(postgres, ending(transaction, outcome))
      } catch (error) {
        if (!isUnknownTransaction(error)) throw error
      }
    },
  }
}

/** Run outside of a transaction, on any connection of the user that prepared it. */
export function ending(transaction: string, outcome: Outcome): Statement {
  return { text: `${outcome} prepared '${transaction.replaceAll("'", "''")}'` }
}

/** undefined_object: PostgreSQL keeps nothing of a prepared transaction that was ended. */
function isUnknownTransaction(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false
  const { cause } = error
  return Error.isError(cause) && 'code' in cause && cause.code === '42704'
}
