/** Kafka Connect's REST interface for one connector: what an operator does by hand in docs/recovery.md. */
import { setTimeout as delay } from 'node:timers/promises'
import { progressOf, statusSchema, type Progress } from '../../infra/connect/status.ts'
import { askConnector } from '../laboratory/connector.ts'

export interface ConnectorControl {
  stop(): Promise<void>
  forgetOffsets(): Promise<void>
  resume(): Promise<void>
  /** Its state once that has lasted for a while, or at the deadline. */
  settled(): Promise<Progress>
}

const settleDeadlineMs = 20_000
/** A task is called running for a moment before it fails. */
const lastsMs = 8_000

export function controlOf(url: string): ConnectorControl {
  const status = async (): Promise<Progress> => {
    const response = await fetch(`${url}/status`, { signal: AbortSignal.timeout(10_000) })
    return response.ok
      ? progressOf(statusSchema.parse(await response.json()))
      : { state: 'waiting', why: `status ${response.status}` }
  }
  return {
    stop: async () => {
      await askConnector('PUT', url, '/stop')
    },
    forgetOffsets: () => askConnector('DELETE', url, '/offsets'),
    resume: () => askConnector('PUT', url, '/resume'),
    settled: async () => {
      const endAt = performance.now() + settleDeadlineMs
      let runningSince: number | undefined
      for (;;) {
        const progress = await status().catch((error: unknown): Progress => ({ state: 'waiting', why: String(error) }))
        const now = performance.now()
        runningSince = progress.state === 'running' ? (runningSince ?? now) : undefined
        if (progress.state === 'failed' || now > endAt) return progress
        if (runningSince !== undefined && now - runningSince > lastsMs) return progress
        await delay(250)
      }
    },
  }
}
