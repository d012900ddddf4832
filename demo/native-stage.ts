/** The demo on plain processes. */
import { join } from 'node:path'
import { audit, ordersSpecificationPath, readSpecification } from '@driftlab/auditor'
import { addresses, bringUp, eraseData, k6Path, openLab, takeDown } from '../infra/native/src/index.ts'
import { k6At, laneBaseUrls } from '../load-tests/load.ts'
import { examplesMax } from './conclusion.ts'
import { lanes } from './result.ts'
import { SinkError, type AskSink } from './sinks.ts'
import type { Stage } from './stage.ts'

const askTimeoutMs = 5_000

export async function openNativeStage(): Promise<Stage> {
  const { lab, settings, layout } = await openLab()
  const url = addresses(settings)
  return {
    isRunning: async () => (await lab.status()).some(({ pid }) => pid !== undefined),
    bringUp: async ({ fresh, signal }) => {
      if (fresh) await eraseData(layout)
      await bringUp(lab, layout, { signal })
    },
    takeDown: () => takeDown(lab, layout),
    stopCommand: 'make down',
    baseUrls: (lane) => laneBaseUrls(lane, settings),
    k6: k6At(k6Path(layout)),
    sinks: {
      redis: askAt(lab.address('cache-updater').url),
      elasticsearch: askAt(lab.address('search-indexer').url),
      clickhouse: askAt(lab.address('warehouse-loader').url),
    },
    audit: async (onProgress) =>
      audit({
        specification: await readSpecification(ordersSpecificationPath),
        connections: {
          postgresUrl: url.postgres('AUDITOR'),
          redisUrl: url.redis('AUDITOR'),
          elasticsearchUrl: url.elasticsearch('AUDITOR'),
          clickhouseUrl: url.clickhouse('AUDITOR'),
          kafkaBrokers: [url.kafkaBrokers],
        },
        lanes,
        examplesMax,
        onProgress: ({ lane, message }) => {
          onProgress(lane, message)
        },
      }),
    resultsDir: join(layout.labDir, 'results'),
  }
}

function askAt(baseUrl: string): AskSink {
  return async (method, path) => {
    const url = `${baseUrl}${path}`
    let status: number
    let body: string
    try {
      const response = await fetch(url, { method, signal: AbortSignal.timeout(askTimeoutMs) })
      status = response.status
      body = await response.text()
    } catch (cause) {
      throw new SinkError(`${method} ${url} got no answer; see make status.`, { cause })
    }
    if (status >= 200 && status < 300) return body
    throw new SinkError(`${method} ${url} answered ${status}: ${body.slice(0, 200)}`)
  }
}
