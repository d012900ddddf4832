/**
 * What differs now, as JSON: the newest of each lane, and one key with what every store holds of it. It only shows what
 * the followers already know, so asking costs the stores nothing.
 */
import { Router, type ErrorRequestHandler, type Response } from 'express'
import { z } from 'zod'
import type { KnownDivergence } from './divergences.ts'
import type { LaneFollower } from './lane-follower.ts'

const listMax = 500
const query = z.object({
  lane: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(listMax).default(100),
})

interface Fault {
  readonly code: 'invalid-request' | 'lane-unknown' | 'key-not-known'
  readonly status: 400 | 404
  readonly title: string
  readonly detail: string
}

export function divergenceRoutes(lanes: ReadonlyMap<string, LaneFollower>): Router {
  const router = Router()
  const unknownLane = (name: string): Fault => ({
    code: 'lane-unknown',
    status: 404,
    title: 'There is no such lane',
    detail: `Lane ${name.slice(0, 100).toWellFormed()} is not followed; followed are: ${[...lanes.keys()].join(', ') || 'none'}.`,
  })

  router.get('/divergences', (request, response) => {
    const parsed = query.safeParse(request.query)
    if (!parsed.success) {
      const faults = parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`)
      const title = 'The request does not fit the schema'
      refuse(response, { code: 'invalid-request', status: 400, title, detail: faults.join('; ') })
      return
    }
    const { lane, limit } = parsed.data
    if (lane !== undefined && !lanes.has(lane)) {
      refuse(response, unknownLane(lane))
      return
    }
    const chosen = [...lanes].filter(([name]) => lane === undefined || name === lane)
    response.json({
      lanes: Object.fromEntries(chosen.map(([name, follower]) => [name, describeLane(follower, limit)])),
    })
  })

  router.get('/divergences/:lane/:key', (request, response) => {
    const { lane, key } = request.params
    const follower = lanes.get(lane)
    if (follower === undefined) {
      refuse(response, unknownLane(lane))
      return
    }
    const known = follower.list.find(key)
    if (known === undefined) {
      const detail = 'As far as was seen, no store differs on it. It may have healed, or have changed just now.'
      refuse(response, { code: 'key-not-known', status: 404, title: 'This key is not known to differ', detail })
      return
    }
    response.json({ lane, ...describeKnown(known), evidence: follower.list.evidenceOf(key) ?? null })
  })
  // A path that cannot be decoded, say: the client's fault, which Express has given a status.
  const onClientFault: ErrorRequestHandler = (error: unknown, _request, response, next) => {
    if (!(error instanceof URIError)) {
      next(error)
      return
    }
    const title = 'The request does not fit the schema'
    refuse(response, { code: 'invalid-request', status: 400, title, detail: 'The path is not valid UTF-8.' })
  }
  router.use(onClientFault)
  return router
}

function describeLane(follower: LaneFollower, limit: number) {
  const { lookedAtMs, ...now } = follower.now()
  return {
    lookedAt: lookedAtMs === null ? null : new Date(lookedAtMs).toISOString(),
    ...now,
    divergences: follower.list.newest(limit).map(describeKnown),
  }
}

function describeKnown({ key, firstSeenMs, lastSeenMs, stores }: KnownDivergence) {
  return {
    key,
    firstSeenAt: new Date(firstSeenMs).toISOString(),
    lastSeenAt: new Date(lastSeenMs).toISOString(),
    stores: Object.fromEntries(stores),
  }
}

/** RFC 9457. */
function refuse(response: Response, { code, status, title, detail }: Fault): void {
  const document = { type: `urn:driftlab:problem:${code}`, title, status, detail }
  response.status(status).type('application/problem+json').send(JSON.stringify(document))
}
