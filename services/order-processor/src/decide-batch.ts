/**
 * Decides a batch of commands, one after the other, in the order of their partition: pure, from records and what is known
 * to everything that is to be written.
 *
 * Invariant: the outcome does not depend on where a batch was cut. A command that was decided before, under the same key,
 * gets the same answer again and leaves no further event.
 */
import type { LogRecord } from '@driftlab/kafka'
import {
  changesOfOrder,
  commandKey,
  decide,
  decodeCommand,
  isQuestion,
  outcomeVersion,
  recordFacts,
  subjectOf,
  Unreadable,
  type Command,
  type Decision,
  type DomainEvent,
  type Outcome,
  type PlaceOrder,
  type Result,
  type State,
} from '@driftlab/order-events'

/** What was decided before this batch. */
export interface Known {
  state(key: string): State
  /** What became of a command under a key; undefined when it never came, or so long ago that nobody remembers. */
  outcome(key: string, commandId: string): Outcome | undefined
}

export interface Parked {
  readonly record: LogRecord
  readonly error: Unreadable
}

export interface DecidedBatch {
  readonly events: readonly DomainEvent[]
  /** One for each record, in their order. */
  readonly outcomes: readonly Outcome[]
  readonly orders: readonly { readonly key: string; readonly value: string | null }[]
  /** What is to be decided elsewhere because of it. */
  readonly commands: readonly Command[]
  readonly parked: readonly Parked[]
  /** Of the keys that changed. */
  readonly states: ReadonlyMap<string, State>
}

export function decideBatch(records: readonly LogRecord[], known: Known): DecidedBatch {
  const events: DomainEvent[] = []
  const outcomes: Outcome[] = []
  const orders: { key: string; value: string | null }[] = []
  const commands: Command[] = []
  const parked: Parked[] = []
  const states = new Map<string, State>()
  const decidedNow = new Map<string, Outcome>()
  const stateOf = (key: string): State => states.get(key) ?? known.state(key)

  const decideOne = (command: Command): Omit<Outcome, 'version' | 'offset'> => {
    const key = commandKey(command)
    const fingerprint = command.type === 'PlaceOrder' ? command.fingerprint : null
    const before = decidedNow.get(rememberedAs(key, command.id)) ?? known.outcome(key, command.id)
    if (before !== undefined && !isQuestion(command)) {
      const repeat = decideAgain(before, command)
      commands.push(...repeat.commands)
      return { commandId: command.id, key, fingerprint, repeated: true, result: repeat.result }
    }
    const state = stateOf(key)
    const decision = decide(state, command)
    if ('commands' in decision) commands.push(...decision.commands)
    if ('facts' in decision && decision.facts.length > 0) {
      const recording = recordFacts(state, key, command, decision.facts)
      events.push(...recording.events)
      orders.push(...changesOfOrder(state, recording.state))
      states.set(key, recording.state)
    }
    return { commandId: command.id, key, fingerprint, repeated: false, result: resultOf(decision, stateOf(key)) }
  }

  for (const record of records) {
    const read = readCommand(record)
    if (read instanceof Unreadable) parked.push({ record, error: read })
    const outcome: Outcome = {
      version: outcomeVersion,
      offset: record.offset,
      ...(read instanceof Unreadable ? parkedOutcome(read) : decideOne(read)),
    }
    outcomes.push(outcome)
    if (!(read instanceof Unreadable) && isRemembered(outcome) && !isQuestion(read)) {
      decidedNow.set(rememberedAs(outcome.key ?? '', read.id), outcome)
    }
  }
  return { events, outcomes, orders, commands, parked, states }
}

/** Whether a repeat of the command gets this outcome: the first one, of a command that may change something. */
export function isRemembered({ commandId, repeated, result }: Outcome): boolean {
  return commandId !== null && !repeated && result.status !== 'answered'
}

export function rememberedAs(key: string, commandId: string): string {
  return `${commandId}@${key}`
}

function readCommand(record: LogRecord): Command | Unreadable {
  try {
    return decodeCommand(record.key, record.value)
  } catch (error) {
    if (error instanceof Unreadable) return error
    throw error
  }
}

function parkedOutcome(error: Unreadable): Omit<Outcome, 'version' | 'offset'> {
  const { reason, message } = error
  return {
    commandId: null,
    key: null,
    fingerprint: null,
    repeated: false,
    result: { status: 'parked', reason, message },
  }
}

/** The same answer; or, when it only came by the first time, the same way again. */
function decideAgain(
  before: Outcome,
  command: Command,
): { readonly result: Result; readonly commands: readonly Command[] } {
  if (command.type !== 'PlaceOrder') return { result: before.result, commands: [] }
  if (before.fingerprint !== command.fingerprint) {
    // What this other request has reserved on its way here goes back.
    const refusal = decide({ kind: 'no-order', sequence: 0, hash: '' }, { ...command, visits: [], repeated: true })
    return {
      result: { status: 'refused', refusal: { code: 'idempotency-key-reused' } },
      commands: 'commands' in refusal ? refusal.commands : [],
    }
  }
  return before.result.status === 'forwarded'
    ? { result: before.result, commands: [nextStop(command)] }
    : { result: before.result, commands: [] }
}

function nextStop(command: PlaceOrder): Command {
  return { ...command, visits: command.visits.slice(1), repeated: true }
}

function resultOf(decision: Decision, after: State): Result {
  switch (decision.outcome) {
    case 'forwarded':
      return { status: 'forwarded' }
    case 'refused':
      return { status: 'refused', refusal: decision.refusal }
    case 'accepted':
    case 'answered': {
      const subject = subjectOf(after)
      if (subject === undefined) throw new Error('a command was accepted, and there is nothing that it was about')
      return { status: decision.outcome, subject }
    }
  }
}
