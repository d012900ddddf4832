/**
 * A Kafka Connect worker of the experiment's own: the laboratory's command and properties, with names and a port of its
 * own, and without exactly-once, which is a setting of the whole worker.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectLog } from '@driftlab/kafka'
import { eventually, freePort } from '@driftlab/stores/testing'
import { isAlive, killTree, stopTree, type ProcessIdentity } from '../../infra/native/src/processes.ts'
import { findJavaHome, installedPaths } from '../../infra/native/src/tools.ts'
import { buildTopology, findComponent } from '../../infra/native/src/topology.ts'
import type { Laboratory } from '../laboratory/laboratory.ts'
import { launch } from '../laboratory/launch.ts'
import { forgetTopics } from '../laboratory/topics.ts'
import type { Killable } from './situations.ts'

const readyDeadlineMs = 60_000
const stopDeadlineMs = 20_000

/** Resolves when it runs; it and its topics are gone when the experiment ends. */
export async function openWorker(laboratory: Laboratory, name: string): Promise<Killable> {
  const { settings, layout, logsDir } = laboratory
  const port = await freePort()
  const url = `http://${settings.LAB_HOST}:${port}`
  const topics = ['offsets', 'configs', 'status'].map((topic) => `experiment-${name}.${topic}`)
  const admin = await connectLog({
    brokers: [laboratory.url.kafkaBrokers],
    clientId: `experiment-${name}`,
  }).connectAdmin()
  laboratory.atEnd(() => admin.close())
  // It makes them itself.
  await forgetTopics(laboratory, admin, topics)

  const { root, labDir, envFile, configDir, cacheDir, dataDir } = layout
  const { kafkaLibDir } = installedPaths(layout)
  const topology = buildTopology(settings, { root, labDir, envFile, dataDir, configDir, cacheDir, kafkaLibDir })
  const connect = findComponent(topology, 'connect')
  const folder = join(configDir, `experiment-${name}`)
  const properties = join(folder, 'worker.properties')
  await mkdir(folder, { recursive: true })
  await writeFile(
    properties,
    changed(await readFile(join(configDir, 'connect/worker.properties'), 'utf8'), {
      'group.id': `experiment-${name}`,
      'client.id': `experiment-${name}`,
      'offset.storage.topic': topics[0],
      'config.storage.topic': topics[1],
      'status.storage.topic': topics[2],
      'exactly.once.source.support': 'disabled',
      // How far a connector is, is then written down every so often and when its task stops: here only when it stops, so
      // that it is known from where a killed worker begins again.
      'offset.flush.interval.ms': '3600000',
      listeners: url,
      'rest.advertised.port': String(port),
      // The broker's least: so long a killed worker counts as a member of its group.
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '2000',
    }),
  )

  let running: ProcessIdentity | undefined
  const start = async (): Promise<void> => {
    running = await launch({
      command: join(findJavaHome(process.env), 'bin/java'),
      args: [...connect.args.slice(0, -1), properties],
      cwd: root,
      log: join(logsDir, `experiment-${name}.log`),
      environment: connect.environment,
    })
    await eventually(
      async () => {
        laboratory.signal.throwIfAborted()
        return (await fetch(`${url}/connectors`, { signal: AbortSignal.timeout(2_000) })).ok
      },
      { deadlineMs: readyDeadlineMs, intervalMs: 100, what: `the worker ${name} answers` },
    )
  }
  laboratory.atEnd(async () => {
    if (running !== undefined) await stopTree(running, 'SIGTERM', stopDeadlineMs)
  })
  await start()
  return {
    url,
    start,
    kill: async () => {
      if (running === undefined || !isAlive(running)) throw new Error(`the worker ${name} is not running`)
      await killTree(running)
    },
  }
}

/** Pure: the properties, with these in place of those of the same name, or behind them. */
function changed(properties: string, values: Readonly<Record<string, string | undefined>>): string {
  const kept = properties.split('\n').filter((line) => !((line.split('=')[0] ?? '') in values))
  return [...kept, ...Object.entries(values).map(([name, value]) => `${name}=${value ?? ''}`), ''].join('\n')
}
