/**
 * `make load-test LANE=cdc RATE=150 DURATION=60s SEED=7`: one load against one lane, with its figures as a table.
 *
 * It needs the stack up (`make up`) and leaves it as it is. Exit code: 0, 1 when k6 fails, 78 for a bad variable, 99
 * when a threshold was crossed (as k6 itself), 130 after Ctrl-C.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { ConfigError, EXIT, loadConfig } from '@driftlab/service'
import { k6Path, LabError, openLab } from '../infra/native/src/index.ts'
import { failedThresholds, formatLoad, k6At, laneBaseUrls, LoadError, runLoad } from './load.ts'
import { createProgressLine } from './progress-line.ts'
import { SettingError } from './settings.ts'
import { loadVariables } from './variables.ts'

const exitCodes = { ...EXIT, thresholdsCrossed: 99, interrupted: 130 } as const

class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

async function main(): Promise<number> {
  const variables = loadConfig(z.object(loadVariables), process.env)
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruption.abort(new Interrupted(`Stopped by ${signal}; what was sent stays.`))
    })
  }

  const { settings, layout } = await openLab()
  const { LANE: lane, RATE: rate, DURATION: durationMs, SEED: seed } = variables
  const baseUrls = laneBaseUrls(lane, settings)
  const line = createProgressLine(process.stdout)
  try {
    const result = await runLoad(
      { lane, baseUrls, rate, durationMs, seed },
      {
        k6: k6At(k6Path(layout)),
        resultsDir: join(layout.labDir, 'results'),
        signal: interruption.signal,
        onProgress: ({ step, percent }) => {
          line.show(`${lane} at ${rate} changes/s, ${step}`, `${percent}%`)
        },
      },
    )
    line.clear()
    process.stdout.write(`${formatLoad(result)}\n`)
    return failedThresholds(result).length > 0 ? exitCodes.thresholdsCrossed : exitCodes.ok
  } finally {
    line.clear()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof Error)) throw error
  process.exitCode = exitCodeOf(error)
  process.stderr.write(`${error.message}\n`)
}

function exitCodeOf(error: Error): number {
  if (error instanceof Interrupted) return exitCodes.interrupted
  if (error instanceof ConfigError || error instanceof SettingError) return exitCodes.badConfiguration
  if (error instanceof LoadError || error instanceof LabError) return exitCodes.failure
  throw error
}
