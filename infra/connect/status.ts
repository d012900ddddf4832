/** What Kafka Connect's status of a connector means. */
import { z } from 'zod'

const stateSchema = z.object({ state: z.string(), trace: z.string().optional() })
export const statusSchema = z.object({ connector: stateSchema, tasks: z.array(stateSchema) })
export type ConnectorStatus = z.output<typeof statusSchema>

export type Progress =
  | { readonly state: 'waiting'; readonly why: string }
  | { readonly state: 'failed'; readonly trace: string }
  | { readonly state: 'running' }

/** What a status says: every part runs, a part failed (with its Java trace), or not yet. */
export function progressOf(status: ConnectorStatus): Progress {
  const parts = [status.connector, ...status.tasks]
  const failed = parts.find(({ state }) => state === 'FAILED')
  if (failed) return { state: 'failed', trace: failed.trace ?? '(Kafka Connect gave no trace; see its log)' }
  if (status.tasks.length === 0) return { state: 'waiting', why: 'the connector has no task yet' }
  const behind = parts.find(({ state }) => state !== 'RUNNING')
  return behind ? { state: 'waiting', why: `a part of it is ${behind.state}` } : { state: 'running' }
}

const allSchema = z.record(z.string(), z.object({ status: statusSchema }))
const askTimeoutMs = 3_000

/**
 * Why a connector has failed for good, in one line: the innermost cause in its trace.
 *
 * @returns undefined when none has, and when Connect does not answer: then its own state tells more.
 */
export async function connectorFailure(connectUrl: string): Promise<string | undefined> {
  let answer: unknown
  try {
    const response = await fetch(`${connectUrl}/connectors?expand=status`, {
      signal: AbortSignal.timeout(askTimeoutMs),
    })
    if (!response.ok) return undefined
    answer = await response.json()
  } catch {
    return undefined
  }
  const all = Object.values(allSchema.parse(answer)).map(({ status }) => progressOf(status))
  const failed = all.find((progress) => progress.state === 'failed')
  return failed && innermostCause(failed.trace)
}

/** Of a Java trace, which begins with the outermost. */
export function innermostCause(trace: string): string {
  const [first = '', ...others] = trace.split('\n')
  return others.findLast((line) => line.startsWith('Caused by: ')) ?? first
}
