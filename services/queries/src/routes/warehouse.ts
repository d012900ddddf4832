import { createCursors, readCursor } from '@driftlab/http-api'
import type { RequestHandler } from 'express'
import { z } from 'zod'
import { asOf, asOfNewest } from '../as-of.ts'
import { Problem } from '../problem.ts'
import { inDocumentForm } from '../side-by-side.ts'
import { keepsHistory, type RevenuePlace } from '../stores/clickhouse.ts'
import { readId, readQuestion, type RouteParts } from './question.ts'

const revenueCursors = createCursors<RevenuePlace>('group', z.tuple([z.string(), z.string()]))
const historyCursors = createCursors('version', z.tuple([z.int().nonnegative()]))

export function warehouseRoutes(parts: RouteParts): {
  readonly revenue: RequestHandler
  readonly history: RequestHandler
} {
  const { questions, stores, now } = parts
  return {
    async revenue(request, response) {
      const { by, cursor, limit, open } = readQuestion(request, questions.revenue, parts)
      const { lane } = open
      const after = readCursor(revenueCursors, cursor)
      // One more than asked for tells whether there is a next page.
      const [found, newestAt] = await Promise.all([
        stores.warehouse.revenue(lane, by, after, limit + 1),
        stores.warehouse.newestChangeAt(lane),
      ])
      const rows = found.slice(0, limit)
      const last = rows.at(-1)
      response.json({
        by,
        rows,
        nextCursor:
          found.length > limit && last !== undefined ? revenueCursors.encode([last.group, last.currency]) : null,
        asOf: asOfNewest(lane, newestAt, now()),
      })
    },

    async history(request, response) {
      const id = readId(request)
      const { cursor, limit, open } = readQuestion(request, questions.history, parts)
      const { lane, specification } = open
      const [after = 0] = readCursor(historyCursors, cursor) ?? []
      if (!keepsHistory(lane)) {
        throw new Problem('history-not-kept', `Lane ${lane.name} leaves the last state of an order and nothing else.`)
      }
      const { changes: found, last: newest } = await stores.warehouse.history(lane, id, after, limit + 1)
      if (newest === null) {
        throw new Problem('order-unknown', `The warehouse of lane ${lane.name} has no change of order ${id}.`)
      }
      const changes = found.slice(0, limit)
      const last = changes.at(-1)
      response.json({
        changes: changes.map(({ version, operation, committedAt, fields }) => ({
          version,
          operation,
          committedAt,
          order: inDocumentForm(specification, fields),
        })),
        nextCursor: found.length > limit && last !== undefined ? historyCursors.encode([last.version]) : null,
        asOf: asOf('log', { version: newest.version, at: newest.committedAt }, now()),
      })
    },
  }
}
