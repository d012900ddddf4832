import { observeRequests, requestBuckets } from '@driftlab/http-api'
import type { RequestHandler } from 'express'
import { Counter, Histogram, type Registry } from 'prom-client'
import { storeNames, type StoreName } from './stores/failure.ts'

export interface QueriesMetrics {
  /** Times every request under its route's template. */
  readonly observe: RequestHandler
  readonly countUnavailable: (store: StoreName) => void
}

export function queriesMetrics(registry: Registry): QueriesMetrics {
  const requests = new Histogram({
    name: 'driftlab_queries_request_duration_seconds',
    help: 'Time from a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: requestBuckets,
    registers: [registry],
  })
  const unavailable = new Counter({
    name: 'driftlab_queries_store_unavailable_total',
    help: 'Questions to a store that it did not answer, or not in time',
    labelNames: ['store'],
    registers: [registry],
  })
  // There from the start, or a rate would not see the first one.
  for (const store of storeNames) unavailable.inc({ store }, 0)
  return {
    observe: observeRequests(requests),
    countUnavailable(store) {
      unavailable.inc({ store })
    },
  }
}
