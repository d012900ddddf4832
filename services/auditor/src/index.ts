export { audit, auditDefaults, type AuditOptions, type AuditProgress } from './audit.ts'
export { statusOf, type Status } from './example.ts'
export { divergenceKinds, viewsOf, type DivergenceKind, type Held, type SourceState, type View } from './judge.ts'
export type { Connections } from './lane-access.ts'
export { openPostgres } from './sources/postgres.ts'
export type { Source } from './sources/source.ts'
export type { DerivedStore } from './stores/derived-store.ts'
export { heldInRedis } from './stores/redis.ts'
export { expectedFields, type SourceRow } from './projection.ts'
export {
  reportSchemaVersion,
  type AuditReport,
  type Example,
  type ExampleSource,
  type ExampleStore,
  type LaneReport,
  type ParkedRecord,
  type ParkedSummary,
  type StoreReport,
} from './report.ts'
export { orderEventsFold } from './folds/order-events.ts'
export { eventSourcedLaneSpecification, ordersLaneSpecification } from './orders-lane.ts'
export type { EventFold, Folded } from './sources/event-log.ts'
export {
  ordersSpecificationPath,
  columnType,
  parseSpecification,
  readSpecification,
  SpecificationError,
  type LaneSpecification,
  type Projection,
  type RecordSpecification,
  type Specification,
} from './specification.ts'
export { renderReport } from './table.ts'
export { readRevision, type Json } from './values.ts'
export { connectionsFrom, urlsOf } from './connections.ts'
export { composeVerdicts, exitCodeOf, verdictOf, type Verdict } from './verdict.ts'
