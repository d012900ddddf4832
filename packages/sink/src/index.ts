export { backoffMs, type BackoffOptions } from './backoff.ts'
export { createDeadLetters, deadLetterTopic, toDeadLetter, type DeadLetter, type DeadLetters } from './dead-letters.ts'
export { createLatencyWindow, type LatencySummary, type LatencyWindow } from './latency.ts'
export { createSinkMetrics, type SinkMetrics, type SinkState } from './metrics.ts'
export { planBatch, type Plan, type Poison } from './plan.ts'
export { runSink, type Sink, type SinkOptions } from './run.ts'
export { groupOf, sinkConfigSchema, startSinkService, type SinkConfig, type SinkServiceOptions } from './service.ts'
export {
  isError,
  ProjectionError,
  StoreUnavailable,
  type Operation,
  type Projection,
  type Refusal,
  type Store,
  type WriteResult,
} from './store.ts'
