import type { RequestHandler } from 'express'
import { asOfStored } from '../as-of.ts'
import { Problem } from '../problem.ts'
import { readId, readQuestion, type RouteParts } from './question.ts'

export function cacheRoutes(parts: RouteParts): { readonly order: RequestHandler } {
  const { questions, stores, now } = parts
  return {
    async order(request, response) {
      const id = readId(request)
      const { lane } = readQuestion(request, questions.order, parts).open
      const { held, version } = await stores.cache.read(lane, id)
      switch (held.state) {
        case 'absent':
          throw new Problem('order-unknown', `The cache of lane ${lane.name} holds no order ${id}.`)
        case 'unreadable':
          throw new Problem('order-unreadable', `In the cache of lane ${lane.name}, ${held.reason}.`)
        case 'present':
          response.json({ order: held.fields, asOf: asOfStored(lane, { version, fields: held.fields }, now()) })
      }
    },
  }
}
