/** The dashboard's process. It only wires; nothing else in this service reads the environment. */
import { listen, runService } from '@driftlab/service'
import { Counter, Gauge } from 'prom-client'
import { createApp } from './app.ts'
import { configSchema } from './config.ts'
import { createOrderReader } from './orders.ts'
import { startSampler } from './sampler.ts'
import type { Targets } from './scrape.ts'
import { createViewers, messageOf } from './viewers.ts'

/** A target that takes longer than a look is shown as down; the page shows ten minutes. */
const looking = { intervalMs: 1_000, timeoutMs: 900, pointsMax: 600, listMax: 50 }
/** The ten minutes are some 250 kB, and go to everybody who comes. */
const watching = { viewersMax: 100, bufferMaxBytes: 1_000_000 }

await runService({
  name: 'dashboard',
  environment: process.env,
  schema: configSchema,
  start: async ({ config, logger, metrics, fail }) => {
    const registers = [metrics.registry]
    const dropped = new Counter({
      name: 'driftlab_dashboard_dropped_viewers_total',
      help: 'Viewers that did not read what they were sent',
      registers,
    })
    const watchers = new Gauge({ name: 'driftlab_dashboard_viewers', help: 'Pages that watch now', registers })
    const viewers = createViewers({
      ...watching,
      onDropped: () => {
        dropped.inc()
      },
    })
    const targets: Targets = {
      'orders-cdc': config.ORDERS_CDC_URLS,
      'orders-dual-write': config.ORDERS_DUAL_WRITE_URLS,
      'cache-updater': [config.CACHE_UPDATER_URL],
      'search-indexer': [config.SEARCH_INDEXER_URL],
      'warehouse-loader': [config.WAREHOUSE_LOADER_URL],
      auditor: [config.AUDITOR_URL],
    }
    const sampler = startSampler({
      ...looking,
      targets,
      onSnapshot: (snapshot) => {
        watchers.set(viewers.count)
        viewers.send(messageOf('snapshot', snapshot))
      },
      onFailure: fail,
    })
    const application = createApp({
      sampler,
      viewers,
      orders: createOrderReader(targets, looking),
      controlsUrl: config.CONTROLS_URL,
      pageDir: config.PAGE_DIR,
      allowedHosts: config.ALLOWED_HOSTS,
      metrics,
      logger,
    })
    const server = await listen(application, { host: config.HOST, port: config.PORT })
    return {
      stop: async () => {
        viewers.close()
        await Promise.all([server.close(), sampler.stop()])
      },
    }
  },
})
