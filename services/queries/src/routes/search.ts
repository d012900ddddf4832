import { createCursors, readCursor } from '@driftlab/http-api'
import type { RequestHandler } from 'express'
import { z } from 'zod'
import { asOfNewest, asOfStored } from '../as-of.ts'
import type { SearchPlace } from '../stores/elasticsearch.ts'
import { readQuestion, type RouteParts } from './question.ts'

const cursors = createCursors<SearchPlace>('placed', z.tuple([z.int(), z.string()]))

export function searchRoutes(parts: RouteParts): { readonly search: RequestHandler } {
  const { questions, stores, now } = parts
  return {
    async search(request, response) {
      const question = readQuestion(request, questions.search, parts)
      const { q, status, from, to, cursor, limit, open } = question
      const { lane } = open
      const after = readCursor(cursors, cursor)
      // One more than asked for tells whether there is a next page.
      const [found, newestAt] = await Promise.all([
        stores.search.search(lane, { text: q, status, from, to }, after, limit + 1),
        stores.search.newestChangeAt(lane),
      ])
      const hits = found.slice(0, limit)
      const last = hits.at(-1)
      const nowMs = now()
      response.json({
        hits: hits.map(({ fields, version }) => ({
          order: fields,
          asOf: asOfStored(lane, { version, fields }, nowMs),
        })),
        nextCursor: found.length > limit && last !== undefined ? cursors.encode(last.place) : null,
        asOf: asOfNewest(lane, newestAt, nowMs),
      })
    },
  }
}
