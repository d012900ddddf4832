/** What Kafka Connect's status of a connector means; pure. */
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
