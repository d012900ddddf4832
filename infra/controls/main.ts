/** Starts the controls of the laboratory that this checkout runs natively. Only wires. */
import { listen, portSchema, runService } from '@driftlab/service'
import { z } from 'zod'
import { links as allLinks } from '../native/src/links.ts'
import { withLock } from '../native/src/lock.ts'
import { openLab } from '../native/src/open.ts'
import { lockFile } from '../native/src/up.ts'
import { laneBaseUrls } from '../../load-tests/load.ts'
import { createApp } from './app.ts'
import { createControls } from './controls.ts'
import { connectLinks } from './links.ts'
import { startLoad } from './load.ts'

const configSchema = z.object({
  HOST: z.literal('127.0.0.1', 'must be 127.0.0.1: what is in here may hurt the laboratory').default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  CONTROLS_TOKEN: z.string().min(16),
  /** Where there are links that can be broken. */
  LINKS_URL: z.url({ protocol: /^http$/u }).optional(),
  /** Which laboratory; see infra/native. */
  LAB_DIR: z.string(),
  LAB_ENV_FILE: z.string(),
})

await runService({
  name: 'controls',
  environment: process.env,
  schema: configSchema,
  start: async ({ config, logger, metrics, fail }) => {
    const { lab, settings, layout } = await openLab({ ...process.env, ...config, PORT: undefined })
    // One command at a time changes the laboratory, whoever gives it.
    const alone =
      <Arguments extends readonly unknown[]>(work: (...given: Arguments) => Promise<void>) =>
      (...given: Arguments): Promise<void> =>
        withLock(lockFile(layout), 'controls of the page', () => work(...given))
    const links = config.LINKS_URL === undefined ? undefined : connectLinks(config.LINKS_URL)
    // What an earlier process cut, and was killed before it mended it.
    for (const { name } of allLinks) await links?.mend(name)
    const controls = createControls({
      lab: {
        kill: alone((name) => lab.kill(name)),
        pause: alone((name) => lab.pause(name)),
        resume: alone((name) => lab.resume(name)),
        restart: alone((name) => lab.restart(name)),
        start: alone((names) => lab.start(names)),
      },
      links,
      startLoad,
      baseUrls: (lane) => laneBaseUrls(lane, settings),
      onFailure: fail,
    })
    const app = createApp({ controls, token: config.CONTROLS_TOKEN, metrics, logger })
    const server = await listen(app, { host: config.HOST, port: config.PORT })
    return {
      stop: async () => {
        await server.close()
        await controls.close()
      },
    }
  },
})
