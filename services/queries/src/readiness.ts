import { readinessOf, type Readiness } from '@driftlab/service'

/**
 * Ready while any store answers, with what is wrong with the others: to show that a store is down is a part of the job, and
 * who is not ready is asked by nobody.
 */
export async function readinessOfAny(checks: Readonly<Record<string, () => Promise<unknown>>>): Promise<Readiness> {
  const { checks: answers } = await readinessOf(checks)
  return { ready: Object.values(answers).includes('ok'), checks: answers }
}
