import { observeRequests, requestBuckets } from '@driftlab/http-api'
import type { RequestHandler } from 'express'
import { Counter, Histogram, type Registry } from 'prom-client'
import { derivedStores, type DerivedStoreName } from './derived-stores/derived-store.ts'

export interface OrdersMetrics {
  /** Times every request under its route's template, so that ids do not become labels. */
  readonly observe: RequestHandler
  readonly countPartialWrite: (store: DerivedStoreName) => void
}

export function ordersMetrics(registry: Registry): OrdersMetrics {
  const requests = new Histogram({
    name: 'driftlab_orders_request_duration_seconds',
    help: 'Time from a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: requestBuckets,
    registers: [registry],
  })
  const partialWrites = new Counter({
    name: 'driftlab_orders_dual_write_failures_total',
    help: 'Writes that reached the stores before this one and not this one nor those after it',
    labelNames: ['store'],
    registers: [registry],
  })
  // There from the start, or a rate would not see the first one.
  for (const store of derivedStores) partialWrites.inc({ store }, 0)
  return {
    observe: observeRequests(requests),
    countPartialWrite(store) {
      partialWrites.inc({ store })
    },
  }
}
