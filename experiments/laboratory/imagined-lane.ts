/**
 * A lane of one partition in memory, for tests of what is pure: the decisions are the real ones, and there is no log, no
 * processor and no time.
 */
import { parseOffset } from '@driftlab/change-event'
import { encodeCommand, startFold, type Command, type DomainEvent, type Outcome } from '@driftlab/order-events'
import { decideBatch, isRemembered, rememberedAs } from '../../services/order-processor/src/decide-batch.ts'
import { planDay, seededDice, type Shop } from './order-commands.ts'

export interface Imagined {
  readonly sent: readonly Command[]
  readonly events: readonly DomainEvent[]
  readonly outcomes: readonly Outcome[]
}

export function imagineDay(seed: number, shop: Omit<Shop, 'random'>): Imagined {
  return imagineLane([planDay({ ...seededDice(seed), ...shop })])
}

/** Decides the commands of a wave, and then what they lead to, one after another; then those of the next wave. */
export function imagineLane(waves: readonly (readonly Command[])[]): Imagined {
  const fold = startFold()
  const remembered = new Map<string, Outcome>()
  const events: DomainEvent[] = []
  const outcomes: Outcome[] = []
  let offset = 0
  const decideOne = (command: Command): readonly Command[] => {
    const { key, value } = encodeCommand(command)
    const at = { topic: 'commands', partition: 0, offset: parseOffset(offset++), timestampMs: 0, headers: {} }
    const decided = decideBatch([{ ...at, key: Buffer.from(key), value: Buffer.from(value) }], {
      state: (wanted) => fold.state(wanted),
      outcome: (under, id) => remembered.get(rememberedAs(under, id)),
    })
    for (const event of decided.events) fold.add(event)
    for (const outcome of decided.outcomes.filter(isRemembered)) {
      remembered.set(rememberedAs(outcome.key ?? '', outcome.commandId ?? ''), outcome)
    }
    events.push(...decided.events)
    outcomes.push(...decided.outcomes)
    return decided.commands
  }
  for (const wave of waves) {
    const queue = [...wave]
    for (const command of queue) queue.push(...decideOne(command))
  }
  return { sent: waves.flat(), events, outcomes }
}
