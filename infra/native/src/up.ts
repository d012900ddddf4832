/** The two long steps that commands share, with their progress shown: installing what is missing, and starting. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LabError } from './errors.ts'
import { chromiumSteps, mariadbSteps, missingSteps, pageSteps, type InstallStep } from './install.ts'
import type { Layout } from './layout.ts'
import { withLock } from './lock.ts'
import type { NativeLab } from './native-lab.ts'
import { openBoard, showProgress } from './progress.ts'
import { mariadbNames, type ComponentName } from './topology.ts'

export function lockFile(layout: Layout): string {
  return join(layout.labDir, 'lock')
}

/**
 * Installs what is missing, in parallel; of what runs on demand, only what is named. The first failure stops the rest.
 *
 * @returns whether there was anything to do.
 */
export async function installMissing(
  layout: Layout,
  interrupt: AbortSignal,
  names: readonly ComponentName[] = [],
): Promise<boolean> {
  const steps = [
    ...(await missingSteps(layout)),
    ...(names.some(isOfMariadb) ? mariadbSteps(layout) : []),
    ...(names.includes('dashboard') ? pageSteps() : []),
  ]
  return runSteps(layout, interrupt, steps)
}

/** Installs the browser that the tests of the dashboard's page need. @returns whether there was anything to do. */
export async function installChromium(layout: Layout, interrupt: AbortSignal): Promise<boolean> {
  return runSteps(layout, interrupt, chromiumSteps(layout))
}

async function runSteps(layout: Layout, interrupt: AbortSignal, steps: readonly InstallStep[]): Promise<boolean> {
  if (steps.length === 0) return false
  process.stdout.write(`Installing what is missing, once; what is downloaded into ${layout.cacheDir}:\n`)
  for (const { title } of steps) process.stdout.write(`  ${title}\n`)

  const failing = new AbortController()
  const signal = AbortSignal.any([interrupt, failing.signal])
  const board = openBoard(steps.map(({ name }) => name))
  const outcomes = await Promise.allSettled(
    steps.map(async (step) => {
      const track = board.track(step.name)
      const began = Date.now()
      try {
        await step.run({
          signal,
          report(line) {
            track.update(line.slice(0, 100))
          },
        })
        track.succeed(`installed (${((Date.now() - began) / 1000).toFixed(0)} s)`)
      } catch (error) {
        track.fail(signal.aborted ? 'stopped' : 'failed')
        if (!signal.aborted) failing.abort(error)
        throw error
      }
    }),
  )
  await board.close()
  if (interrupt.aborted) throw new LabError('interrupted', 'Interrupted; nothing half-done was left in the cache.')
  if (outcomes.some(({ status }) => status === 'rejected')) throw failing.signal.reason
  return true
}

/** Installs what is missing and starts the named components (default: all), showing how it goes. */
export async function bringUp(
  lab: NativeLab,
  layout: Layout,
  options: { readonly signal: AbortSignal; readonly names?: readonly ComponentName[] },
): Promise<void> {
  await withLock(lockFile(layout), 'up', async () => {
    await installMissing(layout, options.signal, options.names)
    const shown = new Set([...lab.components, ...(options.names ?? [])])
    await withBoard([...shown], (onProgress) => lab.start(options.names, { signal: options.signal, onProgress }))
  })
}

export async function takeDown(lab: NativeLab, layout: Layout): Promise<void> {
  await withLock(lockFile(layout), 'down', async () => {
    const running = (await lab.status()).filter(({ pid }) => pid !== undefined).map(({ name }) => name)
    await withBoard([...new Set(running)], (onProgress) => lab.stop(undefined, { onProgress }))
  })
}

/** Deletes data, state and logs of a laboratory that is stopped. Settings, results and the download cache stay. */
export async function eraseData(layout: Layout): Promise<void> {
  await withLock(lockFile(layout), 'reset', async () => {
    const folders = [layout.dataDir, layout.configDir, layout.stateDir, layout.logsDir]
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
    if (layout.outsideHome !== undefined) await rm(layout.outsideHome, { recursive: true, force: true })
  })
}

async function withBoard(
  names: readonly ComponentName[],
  task: (onProgress: (name: ComponentName, progress: Parameters<typeof showProgress>[1]) => void) => Promise<void>,
): Promise<void> {
  const board = openBoard(names)
  const tracks = new Map(names.map((name) => [name, board.track(name)]))
  try {
    await task((name, progress) => {
      const track = tracks.get(name)
      if (track !== undefined) showProgress(track, progress)
    })
  } finally {
    await board.close()
  }
}

function isOfMariadb(name: ComponentName): boolean {
  return mariadbNames.some((known) => known === name)
}
