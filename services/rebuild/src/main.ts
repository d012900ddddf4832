/**
 * `make rebuild STORE=… LANE=…` and `make compare STORE=… LANE=…`. It only wires.
 *
 *   node services/rebuild/src/main.ts            rebuilds, and switches readers and writers
 *   node services/rebuild/src/main.ts compare    compares the generation that KEEP=1 left with the current one
 *
 * Settings come from the environment and, for what is not there, from the lab's settings file; config.ts names them.
 *
 * Exit codes: 0 done, or nothing differs; 1 failed, or something differs that no later write explains; 64 no such command;
 * 78 a bad variable; 130 interrupted, with every store as it was or switched, never in between.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { urlsOf } from '@driftlab/auditor'
import { connectLog } from '@driftlab/kafka'
import { laneNames, orderRecords } from '@driftlab/order'
import { ConfigError, createLogger, EXIT, loadConfig, withLabSettings } from '@driftlab/service'
import { groupOf, type Operation } from '@driftlab/sink'
import { openBoard } from '../../../infra/native/src/progress.ts'
import { openClickHouse } from './clickhouse.ts'
import { compare, renderComparisons, type Comparison } from './compare.ts'
import { configSchema, type Config } from './config.ts'
import { openElasticsearch } from './elasticsearch.ts'
import { RebuildError, storeNames, type Rebuildable, type StoreName } from './generation.ts'
import { renderProgress, renderRebuilt } from './progress.ts'
import { rebuild, type Rebuilt } from './rebuild.ts'
import { openRedis } from './redis.ts'

const exitUsage = 64
const exitInterrupted = 130

/** What a person has to know is on the board, or in the error that ends it. */
const logger = createLogger('rebuild', 'silent')

/** A filler that has not passed the watermark by then lets the writers go, and tries again when it is nearer. */
const holdMaxMs = 5_000

const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    interruption.abort(new RebuildError('Interrupted before the switch: readers and writers are where they were.'))
  })
}
const { signal } = interruption

/** Operations of one store never meet those of another, so what is common to all needs no name for them. */
type Task<Result> = <Op extends Operation>(target: Rebuildable<Op>) => Promise<Result>

async function onStore<Result>(name: StoreName, config: Config, task: Task<Result>): Promise<Result> {
  const { LANE: lane } = config
  const withTarget = async <Op extends Operation>(target: Rebuildable<Op>): Promise<Result> => {
    try {
      return await task(target)
    } finally {
      await target.close()
    }
  }
  switch (name) {
    case 'redis':
      return withTarget(
        await openRedis({
          ...{ url: config.REDIS_URL, lane, deletedVersionTtlS: config.DELETED_VERSION_TTL_S },
          holdMs: 2 * holdMaxMs,
        }),
      )
    case 'elasticsearch':
      return withTarget(openElasticsearch({ url: config.ELASTICSEARCH_URL, lane }))
    case 'clickhouse':
      return withTarget(openClickHouse({ url: config.CLICKHOUSE_URL, lane }))
  }
}

async function rebuildAll(names: readonly StoreName[], config: Config): Promise<number> {
  const { LANE: lane } = config
  const board = openBoard(names)
  const rebuilt: Rebuilt[] = []
  const failures: unknown[] = []
  const rebuildOne = async (name: StoreName): Promise<void> => {
    const track = board.track(name)
    const group = groupOf(`rebuild-${name}`, lane)
    try {
      const result = await onStore(name, config, (target) =>
        rebuild({
          ...{ target, group, signal, logger, holdMaxMs },
          log: connectLog({ brokers: config.KAFKA_BROKERS, clientId: group, logger }),
          topic: laneNames(lane).topic,
          decode: { ...orderRecords(lane)[config.RECORD_FORMAT], epoch: config.TOPIC_EPOCH },
          ...{ keep: config.KEEP, deadlineMs: config.DEADLINE_S, graceMs: config.GRACE_S },
          onProgress: (progress) => {
            track.update(renderProgress(progress))
          },
        }),
      )
      rebuilt.push(result)
      track.succeed(renderRebuilt(result))
    } catch (error) {
      failures.push(error)
      track.fail(textOf(signal.aborted ? signal.reason : error))
    }
  }
  await Promise.all(names.map(rebuildOne))
  await board.close()
  if (config.JSON !== undefined && failures.length === 0) {
    await writeFile(config.JSON, `${JSON.stringify(rebuilt, undefined, 2)}\n`)
  }
  // What the line of a store has no room for.
  for (const error of failures) if (!signal.aborted) process.stderr.write(`${inspect(error)}\n`)
  return signal.aborted ? exitInterrupted : failures.length > 0 ? EXIT.failure : EXIT.ok
}

async function compareAll(names: readonly StoreName[], config: Config): Promise<number> {
  const comparisons: Comparison[] = []
  for (const name of names) {
    comparisons.push(
      await onStore(name, config, async (target) => {
        const kept = await target.openKept()
        if (kept === undefined) {
          throw new RebuildError(
            `There is no old generation of ${name} in lane ${config.LANE}: make rebuild STORE=${name} KEEP=1 leaves one`,
          )
        }
        try {
          return await compare(name, kept, { examplesMax: config.EXAMPLES, signal })
        } finally {
          await Promise.all([kept.old.store.close(), kept.current.store.close()])
        }
      }),
    )
  }
  process.stdout.write(`${renderComparisons(comparisons)}\n`)
  if (config.JSON !== undefined) await writeFile(config.JSON, `${JSON.stringify(comparisons, undefined, 2)}\n`)
  const unexplained = comparisons.some(({ counts }) => counts.older + counts.changed > 0)
  return unexplained ? EXIT.failure : EXIT.ok
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function main([command = 'rebuild', ...rest]: readonly string[]): Promise<number> {
  if (rest.length > 0 || (command !== 'rebuild' && command !== 'compare')) {
    process.stderr.write('There are two commands: rebuild and compare. make help lists them.\n')
    return exitUsage
  }
  const settingsFile = process.env['LAB_ENV_FILE'] ?? join(import.meta.dirname, '../../../.env')
  const settings = withLabSettings(process.env, settingsFile)
  const config = loadConfig(configSchema, { ...urlsOf(settings, 'ADMIN'), ...settings })
  const names = config.STORE === 'all' ? storeNames : [config.STORE]
  return command === 'rebuild' ? rebuildAll(names, config) : compareAll(names, config)
}

let exitCode: number
try {
  exitCode = await main(process.argv.slice(2))
} catch (error) {
  exitCode = signal.aborted ? exitInterrupted : error instanceof ConfigError ? EXIT.badConfiguration : EXIT.failure
  process.stderr.write(
    `rebuild: ${error instanceof RebuildError || error instanceof ConfigError ? error.message : inspect(error)}\n`,
  )
}
process.exit(exitCode)
