/**
 * Commits transactions of several databases together, or none of them: two-phase commit with presumed abort.
 *
 * Invariant: no database commits before every one of them has prepared and the decision is in the log; and once it is
 * there, nothing is rolled back any more. Whatever a crash or a cut connection leaves prepared is ended by `resolve`, as
 * the log says: what it does not know is rolled back. Until then the rows of such a transaction stay locked: that is the
 * price of the protocol, and nothing here can lower it.
 */
import { v4 as uuidV4 } from 'uuid'
import type { Transaction } from '../transactions.ts'
import type { DecisionLog } from './decision-log.ts'
import { ending, type Outcome, type Participant } from './participant.ts'

export interface Coordinator {
  /**
   * Ends open transactions, one of each participant: when it resolves, all of them are committed or will be, and when it
   * rejects, all are rolled back or will be, unless `onLogFailure` was told.
   */
  commit(transactions: readonly Transaction[]): Promise<void>
  /**
   * Ends every transaction of this coordinator that is in doubt and that no `commit` is busy with. @throws when a
   * participant does not answer or cannot end one; the others' are ended all the same.
   */
  resolve(): Promise<void>
}

export interface CoordinatorOptions {
  readonly log: DecisionLog
  readonly participants: readonly Participant[]
  /** Nobody can tell whether a decision is on disk: only a new process that reads the log may go on. */
  readonly onLogFailure: (error: unknown) => void
}

export function createCoordinator({ log, participants, onLogFailure }: CoordinatorOptions): Coordinator {
  const prefix = `driftlab:${log.coordinator}:`
  /** Those whose outcome a `commit` below has yet to decide or to carry out; `resolve` leaves them alone. */
  const busy = new Set<string>()

  const decide = async (name: string): Promise<void> => {
    try {
      await log.decide(name)
    } catch (error) {
      onLogFailure(error)
      throw error
    }
  }

  const endAt = async (participant: Participant): Promise<void> => {
    for (const branch of await participant.inDoubt(prefix)) {
      const name = transactionOf(branch)
      // Asked after the list was read: one that ended meanwhile is not there to be rolled back.
      if (!busy.has(name)) await participant.end(branch, log.has(name) ? 'commit' : 'rollback')
    }
  }

  return {
    commit: async (transactions) => {
      const name = prefix + uuidV4()
      busy.add(name)
      const votes = await Promise.allSettled(
        transactions.map((transaction, at) => transaction.prepare(branchOf(name, at))),
      )
      const refusal = votes.find((vote) => vote.status === 'rejected')
      if (refusal === undefined) await decide(name)

      const outcome: Outcome = refusal === undefined ? 'commit' : 'rollback'
      const ends = await Promise.allSettled(
        transactions.map(async (transaction, at) => {
          // One that has not prepared was rolled back by its database.
          if (votes[at]?.status === 'fulfilled') await transaction.execute(ending(branchOf(name, at), outcome))
        }),
      )
      busy.delete(name)
      if (refusal !== undefined) throw refusal.reason
      // One that did not answer is for `resolve`: the decision stays in the log for it.
      if (ends.every(({ status }) => status === 'fulfilled')) log.forget([name])
    },

    resolve: async () => {
      // Committed everywhere once every participant has been asked: whoever is not busy with one has prepared it everywhere.
      const decided = log.decided().filter((name) => !busy.has(name))
      const failure = (await Promise.allSettled(participants.map(endAt))).find(({ status }) => status === 'rejected')
      if (failure?.status === 'rejected') throw failure.reason
      log.forget(decided)
    },
  }
}

/** Two databases of one server share their names, so each has one of its own. */
function branchOf(name: string, participant: number): string {
  return `${name}/${participant}`
}

function transactionOf(branch: string): string {
  return branch.slice(0, branch.lastIndexOf('/'))
}
