/** A further instance of a sink, beside the one that the laboratory runs: same settings, a port of its own. */
import { spawn } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { eventually } from '@driftlab/stores/testing'
import { addresses, type Settings } from '../../infra/native/src/index.ts'

export type SinkName = 'cache-updater' | 'search-indexer' | 'warehouse-loader'

export interface Instance {
  readonly assignedPartitions: () => Promise<number>
  /** SIGTERM, and waits until it has drained. */
  readonly stop: () => Promise<void>
  /** SIGKILL; no harm when it has ended. */
  readonly kill: () => void
}

export async function startInstance(sink: SinkName, settings: Settings): Promise<Instance> {
  const url = addresses(settings)
  const stores: Readonly<Record<SinkName, Readonly<Record<string, string>>>> = {
    'cache-updater': { REDIS_URL: url.redis('CACHE_UPDATER') },
    'search-indexer': { ELASTICSEARCH_URL: url.elasticsearch('SEARCH_INDEXER') },
    'warehouse-loader': { CLICKHOUSE_URL: url.clickhouse('WAREHOUSE_LOADER') },
  }
  const port = await freePort()
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../services', sink, 'src/main.ts')], {
    env: {
      PATH: process.env['PATH'],
      HOST: settings.LAB_HOST,
      PORT: String(port),
      LANE: 'cdc',
      TOPIC_EPOCH: settings.TOPIC_EPOCH,
      KAFKA_BROKERS: url.kafkaBrokers,
      LOG_LEVEL: 'error',
      ...stores[sink],
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve()
    }),
  )
  const instance: Instance = {
    assignedPartitions: async () => {
      const response = await fetch(`http://${settings.LAB_HOST}:${port}/ready`)
      const { checks } = (await response.json()) as { checks: { partitions: readonly string[] } }
      return checks.partitions.length
    },
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
    kill: () => {
      child.kill('SIGKILL')
    },
  }
  await eventually(async () => (await fetch(`http://${settings.LAB_HOST}:${port}/live`)).ok, {
    deadlineMs: 20_000,
    what: `a further ${sink} is alive`,
  })
  return instance
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      resolve()
    }),
  )
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) =>
    server.close(() => {
      resolve()
    }),
  )
  return port
}
