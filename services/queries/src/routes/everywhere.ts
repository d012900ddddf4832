import type { RequestHandler } from 'express'
import { Problem } from '../problem.ts'
import { sideBySide, type Reading } from '../side-by-side.ts'
import { StoreUnavailable, type StoreName } from '../stores/failure.ts'
import { readId, readQuestion, type RouteParts } from './question.ts'

export interface EverywhereParts extends RouteParts {
  readonly onUnavailable: (store: StoreName) => void
}

export function everywhereRoutes(parts: EverywhereParts): { readonly everywhere: RequestHandler } {
  const { questions, stores, now, onUnavailable } = parts

  /** That a store is away is an answer here; anything else that goes wrong is not. */
  const reading = async <Value>(question: Promise<Value>): Promise<Reading<Value>> => {
    try {
      return { outcome: 'read', value: await question }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      onUnavailable(error.store)
      return { outcome: 'down', reason: error.message }
    }
  }

  return {
    async everywhere(request, response) {
      const id = readId(request)
      const { lane, specification, record } = readQuestion(request, questions.order, parts).open
      const [inRecord, redis, elasticsearch, clickhouse] = await Promise.all([
        reading(record.read(id)),
        reading(stores.cache.read(lane, id)),
        reading(stores.search.read(lane, id)),
        reading(stores.warehouse.read(lane, id)),
      ])
      const readings = { record: inRecord, stores: { redis, elasticsearch, clickhouse } }
      const shown = sideBySide(lane, specification, readings, now())
      if (shown === undefined)
        throw new Problem('order-unknown', `No store of lane ${lane.name} has ever heard of ${id}.`)
      response.json({ lane: lane.name, id, ...shown })
    },
  }
}
