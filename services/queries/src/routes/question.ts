/** What the routes have in common: they read a question, and know the lane that it is about. */
import { invalidRequest } from '@driftlab/http-api'
import { parseOrderId } from '@driftlab/order'
import type { Request } from 'express'
import type { z } from 'zod'
import { Problem } from '../problem.ts'
import type { QuestionSchemas } from '../schemas.ts'
import type { OpenLane, OpenStores } from '../stores.ts'

export interface RouteParts {
  readonly questions: QuestionSchemas
  readonly stores: Pick<OpenStores, 'lanes' | 'cache' | 'search' | 'warehouse'>
  /** In ms since 1970. */
  readonly now: () => number
}

/** @throws {HttpProblem} `invalid-request`, naming each parameter at fault. */
export function readQuestion<Schema extends z.ZodType<{ readonly lane: string }>>(
  request: Request,
  schema: Schema,
  { stores }: Pick<RouteParts, 'stores'>,
): z.output<Schema> & { readonly open: OpenLane } {
  const query = schema.safeParse(request.query)
  if (!query.success) throw invalidRequest(query.error, 'query')
  const open = stores.lanes.get(query.data.lane)
  if (open === undefined) throw new TypeError(`The schema lets through lane ${query.data.lane}`)
  return { ...query.data, open }
}

/** An id of another form than ours belongs to no order: the same answer as for one that is unknown. */
export function readId(request: Request): string {
  const id = parseOrderId(String(request.params['id']))
  if (id === undefined) throw new Problem('order-unknown', 'An order id is a UUID; this is none.')
  return id
}
