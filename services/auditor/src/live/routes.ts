/**
 * What differs now, as JSON: the newest of each lane, and one key with what every store holds of it. It only shows what
 * the followers already know, so asking costs the stores nothing.
 */
import { answerWithProblem, HttpProblem, invalidRequest, problemOf } from '@driftlab/http-api'
import type { Logger } from '@driftlab/service'
import { Router } from 'express'
import { z } from 'zod'
import type { KnownDivergence } from './divergences.ts'
import type { LaneFollower } from './lane-follower.ts'

const listMax = 500
const query = z.object({
  lane: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(listMax).default(100),
})

const kinds = {
  'lane-unknown': { status: 404, title: 'There is no such lane' },
  'key-not-known': { status: 404, title: 'This key is not known to differ' },
} as const

export function divergenceRoutes(lanes: ReadonlyMap<string, LaneFollower>, logger: Logger): Router {
  const router = Router()
  const unknownLane = (name: string): HttpProblem =>
    new HttpProblem(
      'lane-unknown',
      kinds['lane-unknown'],
      `Lane ${name.slice(0, 100).toWellFormed()} is not followed; followed are: ${[...lanes.keys()].join(', ') || 'none'}.`,
    )

  router.get('/divergences', (request, response) => {
    const parsed = query.safeParse(request.query)
    if (!parsed.success) throw invalidRequest(parsed.error, 'query')
    const { lane, limit } = parsed.data
    if (lane !== undefined && !lanes.has(lane)) throw unknownLane(lane)
    const chosen = [...lanes].filter(([name]) => lane === undefined || name === lane)
    response.json({
      lanes: Object.fromEntries(chosen.map(([name, follower]) => [name, describeLane(follower, limit)])),
    })
  })

  router.get('/divergences/:lane/:key', (request, response) => {
    const { lane, key } = request.params
    const follower = lanes.get(lane)
    if (follower === undefined) throw unknownLane(lane)
    const known = follower.list.find(key)
    if (known === undefined) {
      const detail = 'As far as was seen, no store differs on it. It may have healed, or have changed just now.'
      throw new HttpProblem('key-not-known', kinds['key-not-known'], detail)
    }
    response.json({ lane, ...describeKnown(known), evidence: follower.list.evidenceOf(key) ?? null })
  })
  router.use(answerWithProblem(logger, problemOf))
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
