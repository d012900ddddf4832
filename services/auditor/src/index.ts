export { audit, auditDefaults, type AuditOptions, type AuditProgress } from './audit.ts'
export type { Connections } from './lane-access.ts'
export { divergenceKinds, type DivergenceKind, type Held } from './judge.ts'
export type { DerivedStore } from './stores/derived-store.ts'
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
  parseSpecification,
  readSpecification,
  SpecificationError,
  type LaneSpecification,
  type Specification,
} from './specification.ts'
export { renderReport } from './table.ts'
export { connectionsFrom, urlsOf } from './connections.ts'
export { composeVerdicts, exitCodeOf, verdictOf, type Verdict } from './verdict.ts'
