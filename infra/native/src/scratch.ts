/**
 * A laboratory for one task: its own folder, its own ports, fresh data; started before the task and gone after it, so
 * that a test suite or a benchmark neither needs nor touches what `make up` started.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { resolveLayout, type Layout } from './layout.ts'
import { openLab, type OpenedLab } from './open.ts'
import { bringUp, takeDown } from './up.ts'

export interface ScratchLab extends OpenedLab {
  /** For child processes that open the same laboratory. */
  readonly environment: NodeJS.ProcessEnv
}

/** Above those of `.env.example`, and still below the range from which the kernel gives ports to outgoing connections. */
const portShift = 10_000

/** Runs `task` on a laboratory in `.lab/<name>`. @throws {LabError} when it does not come up; whatever `task` throws. */
export async function withScratchLab(
  options: { readonly name: string; readonly signal: AbortSignal },
  task: (lab: ScratchLab) => Promise<void>,
): Promise<void> {
  const labDir = join(resolveLayout({}).root, '.lab', options.name)
  const environment = { ...process.env, LAB_DIR: labDir, LAB_ENV_FILE: join(labDir, '.env') }
  // An earlier run that was killed may have left processes behind.
  const before = await openScratch(resolveLayout(environment), environment)
  await takeDown(before.lab, before.layout)
  await removeData(before.layout)

  const opened = await openScratch(resolveLayout(environment), environment)
  try {
    await bringUp(opened.lab, opened.layout, { signal: options.signal })
    await task({ ...opened, environment })
  } finally {
    await takeDown(opened.lab, opened.layout)
  }
}

/** The settings are those of `.env.example` with other ports and nothing in between; passwords are freshly made. */
async function openScratch(layout: Layout, environment: NodeJS.ProcessEnv): Promise<OpenedLab> {
  await mkdir(layout.labDir, { recursive: true })
  const ports = Object.entries(parseEnv(await readFile(layout.exampleEnvFile, 'utf8')))
    .filter(([name]) => name.endsWith('_PORT'))
    .map(([name, port]) => `${name}=${Number(port) + portShift}\n`)
  await writeFile(layout.envFile, `LINKS=direct\n${ports.join('')}`, { mode: 0o600 })
  return openLab(environment)
}

/** Logs of the last run stay until the next one, for whoever wants to know what happened. */
async function removeData(layout: Layout): Promise<void> {
  const outside = layout.outsideHome === undefined ? [] : [layout.outsideHome]
  for (const path of [layout.labDir, ...outside]) await rm(path, { recursive: true, force: true })
}
