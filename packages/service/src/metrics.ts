import { collectDefaultMetrics, Registry } from 'prom-client'

/** The metrics of one process. `registry` is where its own counters and histograms are registered. */
export interface Metrics {
  readonly registry: Registry
}

/** Set on everything that a process measures, so that no scraper has to know which process it asked. */
export interface ProcessLabels {
  readonly service: string
  /** Of a process that serves one lane. */
  readonly lane?: string
}

/** A registry with the process's own figures (memory, CPU, event loop) and its labels on everything. */
export function createMetrics(labels: ProcessLabels): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels(labels)
  collectDefaultMetrics({ register: registry })
  return { registry }
}
