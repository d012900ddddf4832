/**
 * Commits transactions of several databases together, or none of them: two-phase commit with presumed abort.
 *
 * Invariant: no database commits before every one of them has prepared and the decision is in the log; and once it is
 * there, nothing is rolled back any more. Whatever a crash or a cut connection leaves prepared is ended by `resolve`, as
 * the log says: what it does not know is rolled back. Until then the rows of such a transaction stay locked: that is the
 * price of the protocol, and nothing here can lower it.
 *
 * The first participant commits last. It is where every writer of a row begins, so whoever finds a write there finds it
 * in all others too, and its lock keeps the next writer out until they have it. Committed all at once, a removal could
 * see the order and pass by the document that was still in doubt, and leave it behind for ever.
 */
import { v4 as uuidV4 } from 'uuid'
import type { Transaction } from '../transactions.ts'
import type { DecisionLog } from './decision-log.ts'
import { ending, type Outcome, type Participant } from './participant.ts'

export interface Coordinator {
  /**
   * Ends open transactions, one of each participant and in their order. When it resolves, all are committed.
   *
   * @throws when one cannot prepare: all are rolled back then, or will be. Or when one does not answer after the decision:
   * all will be committed then, but are not yet. Or when the decision cannot be logged: then nobody knows.
   */
  commit(transactions: readonly Transaction[]): Promise<void>
  /**
   * Ends every transaction of this coordinator that is in doubt and that no `commit` is busy with. @throws when a
   * participant does not answer or cannot end one; what does not depend on that one is ended all the same.
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

  const rollBack = async (
    name: string,
    transactions: readonly Transaction[],
    votes: readonly Vote[],
  ): Promise<void> => {
    // One that has not prepared was rolled back by its database; one that does not answer is for `resolve`.
    await Promise.allSettled(
      transactions.map(async (transaction, at) => {
        if (votes[at]?.status === 'fulfilled') await transaction.execute(ending(branchOf(name, at), 'rollback'))
      }),
    )
  }

  const resolve = async (): Promise<void> => {
    // Those have prepared everywhere; what is left of them here in the end has committed everywhere.
    const decided = new Set(log.decided().filter((name) => !busy.has(name)))
    const outcomeOf = (name: string): Outcome | undefined => {
      if (decided.has(name)) return 'commit'
      return busy.has(name) || log.has(name) ? undefined : 'rollback'
    }
    const failures: unknown[] = []
    for (const participant of participants.toReversed()) {
      const branches = await participant.inDoubt(prefix).catch((error: unknown) => {
        failures.push(error)
        decided.clear()
        return []
      })
      for (const branch of branches) {
        const name = transactionOf(branch)
        // Asked after the list was read: what has ended meanwhile is not there to be rolled back.
        const outcome = outcomeOf(name)
        if (outcome === undefined) continue
        await participant.end(branch, outcome).catch((error: unknown) => {
          failures.push(error)
          decided.delete(name)
        })
      }
    }
    log.forget([...decided])
    if (failures.length > 0) throw failures[0]
  }

  return {
    resolve,

    commit: async (transactions) => {
      const name = prefix + uuidV4()
      busy.add(name)
      const votes = await Promise.allSettled(
        transactions.map((transaction, at) => transaction.prepare(branchOf(name, at))),
      )
      const refusal = votes.find((vote) => vote.status === 'rejected')
      if (refusal !== undefined) {
        await rollBack(name, transactions, votes)
        busy.delete(name)
        throw refusal.reason
      }

      await decide(name)
      try {
        for (const [at, transaction] of [...transactions.entries()].toReversed()) {
          await transaction.execute(ending(branchOf(name, at), 'commit'))
        }
        busy.delete(name)
        log.forget([name])
      } catch {
        busy.delete(name)
        // A connection was cut, perhaps no more than that.
        await resolve()
      }
    },
  }
}

type Vote = PromiseSettledResult<void>

/** Two databases of one server share their names, so each has one of its own. */
function branchOf(name: string, participant: number): string {
  return `${name}/${participant}`
}

function transactionOf(branch: string): string {
  return branch.slice(0, branch.lastIndexOf('/'))
}
