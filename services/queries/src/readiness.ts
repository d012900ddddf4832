import { readinessOf, type Readiness } from '@driftlab/service'

/**
 * Ready while any store answers, with what is wrong with the others: to show that a store is down is a part of the job, and
 * who is not ready is asked by nobody.
 */
export async function readinessOfAny(checks: Readonly<Record<string, () => Promise<unknown>>>): Promise<Readiness> {
  const bounded = Object.entries(checks).map(([name, check]) => [name, () => soon(check())] as const)
  const { checks: answers } = await readinessOf(Object.fromEntries(bounded))
  return { ready: Object.values(answers).includes('ok'), checks: answers }
}

/** Whoever asks whether we are ready does not wait as long as a store may take for an answer. */
const checkTimeoutMs = 1_000

async function soon(check: Promise<unknown>): Promise<unknown> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new Error(`no answer within ${checkTimeoutMs} ms`))
  }, checkTimeoutMs)
  try {
    return await Promise.race([check, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
