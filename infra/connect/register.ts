/**
 * Registers Debezium's connector with Kafka Connect and waits until it and its task run.
 *
 * Running it again is harmless: the same configuration changes nothing, and a task that had failed is restarted once.
 * It makes neither the publication (a migration does) nor the topics (infra/kafka does), so that the connector needs no
 * right to make anything.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { ConfigError, EXIT, loadConfig } from '@driftlab/service'
import { connectorName, connectorSettingsSchema, readConnectorConfig, type ConnectorConfig } from './settings.ts'

const registerDeadlineMs = 60_000
const pollIntervalMs = 250
const requestTimeoutMs = 30_000

const stateSchema = z.object({ state: z.string(), trace: z.string().optional() })
const statusSchema = z.object({ connector: stateSchema, tasks: z.array(stateSchema) })
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

/**
 * PUTs the configuration and waits. @throws when Connect refuses the configuration (with its reason), when the task
 * fails (with its trace), or when it does not run within 60 s.
 */
export async function register(
  connectUrl: string,
  name: string,
  config: ConnectorConfig,
  report: (line: string) => void,
): Promise<void> {
  const connector = `${connectUrl}/connectors/${encodeURIComponent(name)}`
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
  report(answer.status === 201 ? `connector ${name} created` : `connector ${name} was there already`)

  let restarted = false
  await untilDeadline(async () => {
    const response = await ask('GET', `${connector}/status`)
    // 404: the configuration is stored, but no worker has taken it yet.
    if (!response?.ok) return undefined
    const progress = progressOf(statusSchema.parse(await response.json()))
    switch (progress.state) {
      case 'running':
        return progress
      case 'waiting':
        why = progress.why
        return undefined
      case 'failed':
        if (restarted || answer.status === 201) throw new Error(`Connector ${name} failed:\n${progress.trace}`)
        // It failed in the past, perhaps for a reason that is gone by now: give it one more chance.
        restarted = (await ask('POST', `${connector}/restart?includeTasks=true&onlyFailed=true`)) !== undefined
        if (restarted) report(`connector ${name} had failed; restarted`)
        return undefined
    }
  })
  report(`connector ${name} runs`)
}

if (import.meta.main) {
  try {
    const settings = loadConfig(connectorSettingsSchema, process.env)
    await register(
      `http://${settings.LAB_HOST}:${settings.CONNECT_PORT}`,
      connectorName,
      await readConnectorConfig(settings),
      (line) => {
        process.stdout.write(`connect: ${line}\n`)
      },
    )
  } catch (error) {
    process.stderr.write(`connect: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = error instanceof ConfigError ? EXIT.badConfiguration : EXIT.failure
  }
}
