/** What the benchmarks share: the laboratory, its addresses, and waiting until the log is drained. */
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { connectPostgres, type Postgres } from '@driftlab/stores'
import { addresses, type ComponentName, type NativeLab, type OpenedLab } from '../infra/native/src/index.ts'
import { topic } from './orders.ts'

export const sinks = ['cache-updater', 'search-indexer', 'warehouse-loader'] as const
export type SinkName = (typeof sinks)[number]

export interface Bench {
  readonly lab: NativeLab
  readonly opened: OpenedLab
  readonly postgres: Postgres
  readonly admin: LogAdmin
  readonly kafkaBrokers: readonly string[]
  readonly sinks: readonly SinkName[]
  readonly url: (name: ComponentName) => string
  readonly say: (message: string) => void
  /** Ends the run with this error at the next wait. */
  readonly fail: (error: unknown) => void
  /** Every committed change is in the log. */
  readonly published: () => Promise<void>
  /** Every change in the log is applied by the named sinks (default: all). */
  readonly drained: (names?: readonly SinkName[]) => Promise<void>
  readonly close: () => Promise<void>
}

const waitLimitMs = 600_000
const pollMs = 50

export async function openBench(opened: OpenedLab, say: (message: string) => void): Promise<Bench> {
  const { lab, settings } = opened
  const url = addresses(settings)
  const postgres = connectPostgres(url.postgres('ADMIN'), { connectionsMax: 16, timeoutMs: 60_000 })
  const admin = await connectLog({ brokers: [url.kafkaBrokers], clientId: 'bench-admin' }).connectAdmin()
  let failure: Error | undefined

  const until = async (what: string, probe: () => Promise<boolean>): Promise<void> => {
    const deadline = performance.now() + waitLimitMs
    while (!(await probe())) {
      if (failure !== undefined) throw failure
      if (performance.now() > deadline) throw new Error(`Not within ${waitLimitMs / 1_000} s: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }
  const published = async (): Promise<void> => {
    // A message of our own, so that the log moves and the connector has something to confirm.
    const { rows } = await postgres.query<{ lsn: string }>(
      "SELECT pg_logical_emit_message(true, 'driftlab-bench', '')::text AS lsn",
    )
    const lsn = rows[0]?.lsn ?? '0/0'
    await until('the connector has read the log', async () => {
      const confirmed = await postgres.query<{ passed: boolean }>(
        "SELECT confirmed_flush_lsn >= $1::pg_lsn AS passed FROM pg_replication_slots WHERE slot_name = 'driftlab_cdc'",
        [lsn],
      )
      return confirmed.rows[0]?.passed === true
    })
  }
  return {
    lab,
    opened,
    postgres,
    admin,
    kafkaBrokers: [url.kafkaBrokers],
    sinks,
    url: (name) => lab.address(name).url,
    say,
    fail: (error) => {
      failure = Error.isError(error) ? error : new Error('the consumer failed', { cause: error })
    },
    published,
    drained: async (names = sinks) => {
      await published()
      await until('the sinks have applied the log', async () => {
        const progress = await Promise.all(names.map((name) => admin.groupProgress(name, topic)))
        return progress.flat().every((partition) => partition.drained)
      })
    },
    close: async () => {
      await admin.close()
      await postgres.end()
    },
  }
}

/** Processor time that each running process of the stack has used since `measureProcessor` was called, in ms. */
export async function measureProcessor(lab: NativeLab): Promise<() => Promise<ReadonlyMap<ComponentName, number>>> {
  const before = new Map((await lab.status()).map(({ name, processorMs }) => [name, processorMs ?? 0]))
  return async () => {
    const after = (await lab.status()).filter(({ kind }) => kind === 'process')
    return new Map(after.map(({ name, processorMs }) => [name, (processorMs ?? 0) - (before.get(name) ?? 0)]))
  }
}
