/**
 * Starts ClickHouse's embedded engine behind its HTTP interface, as one process.
 *
 * It stands in for the real server where no container engine is at hand. Nothing outside infra/native knows it.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { listen, portSchema, runService } from '@driftlab/service'
import { z } from 'zod'
import { openEngine } from './engine.ts'
import { createFront } from './front.ts'
import { openUsers } from './users.ts'

const schema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  CLICKHOUSE_DATA_PATH: z.string(),
  CLICKHOUSE_ADMIN_USER: z.string(),
  CLICKHOUSE_ADMIN_PASSWORD: z.string(),
  /** What the engine may use, this process's own memory included. */
  CLICKHOUSE_MEMORY_MAX_MIB: z.coerce.number().int().min(256).default(640),
})

await runService({
  name: 'clickhouse',
  environment: process.env,
  schema,
  async start({ config, logger }) {
    const folder = config.CLICKHOUSE_DATA_PATH
    await mkdir(folder, { recursive: true })
    const engine = await openEngine(folder, { memoryMaxBytes: config.CLICKHOUSE_MEMORY_MAX_MIB * 1024 * 1024 })
    const users = await openUsers(join(folder, 'users.json'), {
      name: config.CLICKHOUSE_ADMIN_USER,
      password: config.CLICKHOUSE_ADMIN_PASSWORD,
    })
    const front = createFront({
      engine,
      users,
      onError: (error, query) => {
        logger.warn(
          { code: error.code, type: error.type, reason: error.message, query: query.slice(0, 500) },
          'a statement failed',
        )
      },
    })
    const server = await listen(front.listener, { host: config.HOST, port: config.PORT })
    logger.info(
      { host: config.HOST, port: server.port, engine: engine.version },
      'embedded ClickHouse engine (chdb) behind its HTTP interface',
    )
    return {
      async stop() {
        front.closeConnections()
        await server.close()
        await front.drain()
        await engine.close()
      },
    }
  },
})
