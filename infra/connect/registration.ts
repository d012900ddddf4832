/**
 * Registers a connector with Kafka Connect and waits until it and its task run, and go on running.
 *
 * Running it again is harmless: the same configuration changes nothing, and a task that had failed is restarted once.
 * Nothing else restarts it: Debezium tries a lost connection again for ever (errors.max.retries), but Kafka Connect has
 * no setting that starts a task again which failed for good: a login was refused, the publication is gone.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Report } from '@driftlab/service'
import type { ConnectorConfig } from './settings.ts'
import { progressOf, statusSchema } from './status.ts'

const registerDeadlineMs = 60_000
const pollIntervalMs = 250
/** A task is called running before it has asked its database for anything: without its publication, for 0.4 s. */
const settledAfterMs = 1_000
const requestTimeoutMs = 30_000

/**
 * PUTs the configuration and waits. @throws when Connect refuses the configuration (with its reason), when the task
 * fails (with its trace), or when it does not run within 60 s.
 */
export async function registerConnector(
  connectUrl: string,
  name: string,
  config: ConnectorConfig,
  report: Report,
): Promise<void> {
  const connector = `${connectUrl}/connectors/${name}`
  const deadline = performance.now() + registerDeadlineMs
  let why = 'no answer yet'

  const ask = async (method: string, url: string, body?: unknown): Promise<Response | undefined> => {
    try {
      const response = await fetch(url, {
        method,
        signal: AbortSignal.timeout(requestTimeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      // 409: the workers are agreeing on who does what. 5xx: one is starting or asks another that has gone.
      if (response.status !== 409 && response.status < 500) return response
      why = `${method} ${url} answers ${response.status}: ${await response.text()}`
    } catch (error) {
      why = `Kafka Connect does not answer at ${connectUrl} (CONNECT_PORT): ${String(error)}`
    }
    return undefined
  }
  const untilDeadline = async <Value>(step: () => Promise<Value | undefined>): Promise<Value> => {
    for (;;) {
      const value = await step()
      if (value !== undefined) return value
      if (performance.now() >= deadline) {
        throw new Error(`Connector ${name} does not run after ${registerDeadlineMs} ms: ${why}`)
      }
      await delay(pollIntervalMs)
    }
  }

  const answer = await untilDeadline(() => ask('PUT', `${connector}/config`, config))
  if (!answer.ok) throw new Error(`Kafka Connect refuses connector ${name}: ${await answer.text()}`)
  report(answer.status === 201 ? 'created' : 'was there already')

  let restarted = false
  let runningSince: number | undefined
  await untilDeadline(async () => {
    const response = await ask('GET', `${connector}/status`)
    // 404: the configuration is stored, but no worker has taken it yet.
    if (!response?.ok) return undefined
    const progress = progressOf(statusSchema.parse(await response.json()))
    runningSince = progress.state === 'running' ? (runningSince ?? performance.now()) : undefined
    switch (progress.state) {
      case 'running':
        why = 'it does not go on running'
        return runningSince !== undefined && performance.now() - runningSince >= settledAfterMs ? progress : undefined
      case 'waiting':
        why = progress.why
        return undefined
      case 'failed':
        if (restarted || answer.status === 201) throw new Error(`Connector ${name} failed:\n${progress.trace}`)
        // It failed in the past, perhaps for a reason that is gone by now: give it one more chance.
        restarted = (await ask('POST', `${connector}/restart?includeTasks=true&onlyFailed=true`)) !== undefined
        if (restarted) report('had failed; restarted')
        return undefined
    }
  })
  report('runs')
}
