export { ConfigError, loadConfig, portSchema, withLabSettings } from './config.ts'
export { createLogger, type Logger, type LogLevel } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { operationsRouter, readinessOf, type Readiness } from './operations.ts'
export { listen, type HttpServer } from './http.ts'
export {
  runJob,
  runService,
  EXIT,
  stopDeadlineMs,
  type Report,
  type RunningService,
  type ServiceContext,
  type ServiceOptions,
} from './run.ts'
export { repeat, type Repetition } from './repeat.ts'
