export {
  commandKey,
  commandVersion,
  decodeCommand,
  encodeCommand,
  isQuestion,
  type Command,
  type CommandOf,
  type PlaceOrder,
  type Reservation,
} from './command.ts'
export { decide, itemFacts, type Decision, type Refusal } from './decide.ts'
export {
  decodeEvent,
  encodeEvent,
  eventVersion,
  seal,
  type DomainEvent,
  type Fact,
  type FactType,
  type UnhashedEvent,
} from './event.ts'
export { startFold, type Fold } from './fold.ts'
export { eventSourcedTopics, isLimited, limitedUnits, skuOfKey, stockKey, type EventSourcedTopics } from './keys.ts'
export {
  decodeOutcome,
  encodeOutcome,
  outcomeVersion,
  subjectOf,
  type Outcome,
  type Result,
  type Subject,
} from './outcome.ts'
export { changesOfOrder, recordFacts, type Recording } from './record.ts'
export {
  availableUnits,
  emptyState,
  evolve,
  follow,
  updatedAtOf,
  type OrderState,
  type State,
  type StockState,
} from './state.ts'
export { parseJson, Unreadable, unreadableReasons, type UnreadableReason } from './unreadable.ts'
