/** The demo on plain processes. */
import { join } from 'node:path'
import { audit, connectionsFrom, ordersSpecificationPath, readSpecification } from '@driftlab/auditor'
import {
  bringUp,
  componentNames,
  eraseData,
  k6Path,
  openLab,
  takeDown,
  watcherNames,
} from '../infra/native/src/index.ts'
import { k6At, laneBaseUrls } from '../load-tests/load.ts'
import { SinkError, type AskSink } from './sinks.ts'
import type { Stage } from './stage.ts'

const askTimeoutMs = 5_000

export async function openNativeStage(environment: NodeJS.ProcessEnv = process.env): Promise<Stage> {
  const { lab, settings, layout } = await openLab(environment)
  return {
    isRunning: async () => (await lab.status()).some(({ pid }) => pid !== undefined),
    bringUp: async ({ fresh, signal }) => {
      if (fresh) await eraseData(layout)
      // Who watches, too: the report shows what they saw while it ran.
      await bringUp(lab, layout, { signal, names: [...componentNames, ...watcherNames] })
    },
    takeDown: () => takeDown(lab, layout),
    stopCommand: 'make down',
    baseUrls: (lane) => laneBaseUrls(lane, settings),
    dashboardUrl: lab.address('dashboard').url,
    k6: k6At(k6Path(layout)),
    ask: (sink, instance) => askAt(lab.address(sink, instance).url),
    audit: async ({ onProgress, ...options }) => {
      const specification = await readSpecification(ordersSpecificationPath)
      return await audit({
        specification,
        connections: connectionsFrom(settings, specification),
        ...options,
        onProgress: ({ lane, message }) => {
          onProgress?.(lane, message)
        },
      })
    },
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
