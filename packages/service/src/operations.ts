import { Router } from 'express'
import type { Metrics } from './metrics.ts'

/** Whether a process can do its work now; `checks` says for each dependency `ok` or what is wrong. */
export interface Readiness {
  readonly ready: boolean
  readonly checks: Readonly<Record<string, unknown>>
}

/**
 * The three routes that operators and orchestrators ask: `/live` (the event loop turns), `/ready` (200 or 503 with
 * the failing check named) and `/metrics` (Prometheus text).
 */
export function operationsRouter(options: { metrics: Metrics; readiness: () => Promise<Readiness> }): Router {
  const router = Router()
  router.get('/live', (_request, response) => {
    response.json({ live: true })
  })
  router.get('/ready', async (_request, response) => {
    const readiness = await options.readiness()
    response.status(readiness.ready ? 200 : 503).json(readiness)
  })
  router.get('/metrics', async (_request, response) => {
    response.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics())
  })
  return router
}

/** Asks every dependency at once; ready when all of them answer. */
export async function readinessOf(checks: Readonly<Record<string, () => Promise<unknown>>>): Promise<Readiness> {
  const answers = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        await check()
        return [name, 'ok'] as const
      } catch (error) {
        return [name, reasonOf(error)] as const
      }
    }),
  )
  return { ready: answers.every(([, answer]) => answer === 'ok'), checks: Object.fromEntries(answers) }
}

/** The innermost cause says what happened; the outer ones say who noticed. */
function reasonOf(error: unknown): string {
  if (!Error.isError(error)) return String(error)
  return error.cause === undefined ? error.message || error.name : reasonOf(error.cause)
}
