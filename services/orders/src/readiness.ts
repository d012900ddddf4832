import type { Readiness } from '@driftlab/service'

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
