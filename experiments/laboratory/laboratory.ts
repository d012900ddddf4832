/**
 * The real components that experiments share, and what one experiment has borrowed of them.
 *
 * Invariant: whatever an experiment starts or makes it owns, and all of it is gone when the experiment ends, however it
 * ends; what it hurt of the shared components is mended then too. So experiments cannot see one another.
 */
import { connectPostgres, type Postgres } from '@driftlab/stores'
import {
  addresses,
  installMissing,
  type ComponentName,
  type Layout,
  type NativeLab,
  type ScratchLab,
  type Settings,
} from '../../infra/native/src/index.ts'
import versions from '../../infra/native/versions.json' with { type: 'json' }
import { allOf } from './all-of.ts'

export interface Laboratory {
  readonly lab: NativeLab
  readonly settings: Settings
  /** Where what is installed and configured lies, for who starts a further process of a component. */
  readonly layout: Layout
  readonly url: ReturnType<typeof addresses>
  /** An administrator's pool on the system of record. */
  readonly postgres: Postgres
  readonly signal: AbortSignal
  /** Logs of the processes that experiments start. */
  readonly logsDir: string
  readonly stateDir: string
  readonly versions: Readonly<Record<string, string>>
  /**
   * Installs and starts components that run on demand only; they are stopped when the experiment ends.
   *
   * @throws {LabError} when this machine cannot have them.
   */
  readonly startOnDemand: (names: readonly ComponentName[]) => Promise<void>
  /** Of a process, called first of all when the experiment ends: all of them are stopped at once. */
  readonly stopAtEnd: (stop: () => Promise<unknown>) => void
  /** Called when the experiment ends, the last one first. */
  readonly atEnd: (release: () => Promise<unknown>) => void
}

/** Gives `task` the laboratory for as long as it runs. @throws whatever `task` throws, or what cannot be released. */
export async function withLaboratory(
  { lab, settings, layout }: ScratchLab,
  signal: AbortSignal,
  task: (laboratory: Laboratory) => Promise<void>,
): Promise<void> {
  const url = addresses(settings)
  const postgres = connectPostgres(url.postgres('ADMIN'), { connectionsMax: 16, timeoutMs: 60_000 })
  await using owned = new AsyncDisposableStack()
  owned.defer(() => postgres.end())
  // Adopts what runs, resumes what is paused, starts what was killed.
  owned.defer(() => lab.start())
  const stops: (() => Promise<unknown>)[] = []
  const server = await postgres.query<{ server_version: string }>('show server_version')
  try {
    await task({
      lab,
      settings,
      layout,
      url,
      postgres,
      signal,
      logsDir: layout.logsDir,
      stateDir: layout.stateDir,
      versions: {
        postgres: server.rows[0]?.server_version ?? '',
        kafka: versions.kafka,
        debezium: versions.debezium,
        elasticsearch: versions.elasticsearch,
      },
      startOnDemand: async (names) => {
        await installMissing(layout, signal, names)
        owned.defer(() => lab.stop(names))
        await lab.start(names, { signal })
      },
      stopAtEnd: (stop) => {
        stops.push(stop)
      },
      atEnd: (release) => {
        owned.defer(async () => {
          await release()
        })
      },
    })
  } finally {
    await allOf(stops.map((stop) => stop()))
  }
}
