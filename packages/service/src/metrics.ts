import { collectDefaultMetrics, Registry } from 'prom-client'

/** The metrics of one process. `registry` is where its own counters and histograms are registered. */
export interface Metrics {
  readonly registry: Registry
}

/** A registry with the process's own figures (memory, CPU, event loop) and a `service` label on everything. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  return { registry }
}
