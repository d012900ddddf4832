/**
 * What is put to the test: each strategy's own code, with two writers of one order, and for change data capture the
 * sinks' own decoding, planning and projecting behind it.
 */
import { planBatch, type Operation, type Projection } from '@driftlab/sink'
import { projectInto } from '../../services/cache-updater/src/project.ts'
import { dualWriteVariants } from '../../services/orders/src/config.ts'
import type { DerivedStoreName } from '../../services/orders/src/derived-stores/derived-store.ts'
import { OrderMissing } from '../../services/orders/src/repository.ts'
import { cdcStrategy } from '../../services/orders/src/strategies/cdc.ts'
import { inTransactionDualWriteStrategy } from '../../services/orders/src/strategies/dual-write-in-transaction.ts'
import { lastWriterWinsDualWriteStrategy } from '../../services/orders/src/strategies/dual-write-last-writer-wins.ts'
import { parallelDualWriteStrategy } from '../../services/orders/src/strategies/dual-write-parallel.ts'
import { retryingDualWriteStrategy } from '../../services/orders/src/strategies/dual-write-retry.ts'
import { dualWriteStrategy } from '../../services/orders/src/strategies/dual-write.ts'
import { PartialWrite, type WriteStrategy } from '../../services/orders/src/strategies/strategy.ts'
import { project as projectSearch } from '../../services/search-indexer/src/project.ts'
import { project as projectWarehouse } from '../../services/warehouse-loader/src/project.ts'
import type { Scene } from './explore.ts'
import {
  breakConnection,
  contentsOf,
  createStores,
  divergentStores,
  orderId,
  overwritingStores,
  readClock,
  systemOfRecord,
  versionedStores,
  type Held,
  type Stores,
} from './stores.ts'
import { createWorld, StoreFailed, type Actor, type ActorOptions, type FaultKind, type World } from './world.ts'

export const subjects = [...dualWriteVariants, 'cdc', 'cdc without the version guard'] as const
export type Subject = (typeof subjects)[number]

export const scenarios = ['two updates', 'an update and a removal'] as const
export type Scenario = (typeof scenarios)[number]

export interface SceneOptions {
  readonly subject: Subject
  readonly scenario: Scenario
  readonly fault: FaultKind
  /** The derived stores that take part. */
  readonly stores: readonly DerivedStoreName[]
}

/** The one attempt after the first comes at once: time does not pass in here, only order matters. */
const retry = { retries: 1, firstMs: 0, capMs: 0 }

export function isLogBased(subject: Subject): boolean {
  return subject === 'cdc' || subject === 'cdc without the version guard'
}

/** A sink can be taken over; a dual write has nobody to take over. */
export function faultsOf(subject: Subject): readonly FaultKind[] {
  const shared = ['nothing fails', 'a process dies', 'a store fails once'] as const
  return isLogBased(subject) ? [...shared, 'a sink is taken over'] : shared
}

export function createScene({ subject, scenario, fault, stores: names }: SceneOptions): Scene {
  const stores = createStores()
  const world = createWorld(
    fault,
    (error) =>
      error instanceof StoreFailed ||
      error instanceof PartialWrite ||
      error instanceof OrderMissing ||
      error instanceof Fenced,
  )
  startWriter(world, stores, 'A', subject, (strategy) => strategy.update(orderId, () => ({ note: 'a' })))
  startWriter(world, stores, 'B', subject, (strategy) =>
    scenario === 'two updates'
      ? strategy.update(orderId, () => ({ note: 'b' }))
      : strategy.remove(orderId, () => undefined),
  )
  const groups = names.map((name) => ({ name, committed: 1, generation: 1 }))
  if (isLogBased(subject)) {
    for (const group of groups) world.start(sinkOf(group, stores, subject === 'cdc'))
  }
  return {
    world,
    stores: () => [contentsOf(stores), groups],
    divergent: () => divergentStores(stores).filter((name) => names.includes(name)),
  }
}

function startWriter(
  world: World,
  stores: Stores,
  name: string,
  subject: Subject,
  write: (strategy: WriteStrategy) => Promise<unknown>,
): void {
  world.start({
    name,
    run: async (actor) => {
      await write(strategyOf(subject, stores, actor))
    },
    onDeath: () => {
      breakConnection(stores, name)
    },
  })
}

function strategyOf(subject: Subject, stores: Stores, actor: Actor): WriteStrategy {
  const orders = systemOfRecord(stores, actor)
  switch (subject) {
    case 'dual-write':
      return dualWriteStrategy(orders, overwritingStores(stores, actor))
    case 'dual-write-parallel':
      return parallelDualWriteStrategy(orders, overwritingStores(stores, actor))
    case 'dual-write-retry':
      return retryingDualWriteStrategy(orders, overwritingStores(stores, actor), retry)
    case 'dual-write-in-transaction':
      return inTransactionDualWriteStrategy(orders, overwritingStores(stores, actor))
    case 'dual-write-last-writer-wins':
      return lastWriterWinsDualWriteStrategy(orders, versionedStores(stores, actor), () => readClock(stores))
    case 'cdc':
    case 'cdc without the version guard':
      return cdcStrategy(orders)
  }
}

interface Group {
  readonly name: DerivedStoreName
  committed: number
  /** Rises when another process takes over; a commit of an older one is refused. */
  generation: number
}

/** The broker refuses the commit of a process that it has given up. */
class Fenced extends Error {
  override readonly name = 'Fenced'
}

/** As packages/sink/src/run.ts does it: poll, plan, write, commit; a write that fails is repeated. */
function sinkOf(group: Group, stores: Stores, guarded: boolean): ActorOptions {
  const { name: store, generation } = group
  const name = `${store}'s sink${generation === 1 ? '' : ` (${generation})`}`
  return {
    name,
    run: async (actor) => {
      let position = group.committed
      for (;;) {
        const records = await actor.request({
          label: 'polls',
          endsWithSender: true,
          ready: () => stores.log.length > position && group.generation === generation,
          land: () => stores.log.slice(position),
        })
        const changes = changesOf[store](records)
        await writeUntilDone(actor, store, stores, changes, guarded)
        position += records.length
        const next = position
        await actor.request({
          label: `commits offset ${next}`,
          endsWithSender: true,
          land: () => {
            if (group.generation !== generation) throw new Fenced(`${name} was given up`)
            group.committed = next
          },
        })
      }
    },
    successor: () => {
      group.generation += 1
      return sinkOf(group, stores, guarded)
    },
  }
}

async function writeUntilDone(
  actor: Actor,
  store: DerivedStoreName,
  stores: Stores,
  changes: readonly Held[],
  guarded: boolean,
): Promise<void> {
  for (;;) {
    try {
      await actor.request({
        label: `writes ${changes.map(({ note, version }) => `${note === null ? 'the removal' : `note ${note}`}, version ${version}`).join('; ')}`,
        canFail: true,
        land: () => {
          for (const change of changes) {
            if (!guarded || change.version > stores.derived[store].version) stores.derived[store] = change
          }
        },
      })
      return
    } catch (error) {
      if (!(error instanceof StoreFailed)) throw error
    }
  }
}

type Records = Parameters<typeof planBatch>[0]

/** The sinks' own code, from records to operations; what an operation leaves in the store is read off it. */
const changesOf: Readonly<Record<DerivedStoreName, (records: Records) => readonly Held[]>> = {
  redis: (records) =>
    operationsOf(records, projectInto('cdc')).map((operation) => ({
      note: operation.type === 'put' ? noteIn(operation.document) : null,
      version: operation.version,
    })),
  elasticsearch: (records) =>
    operationsOf(records, projectSearch).map((operation) => ({
      note: operation.type === 'index' ? noteIn(operation.document) : null,
      version: operation.version,
    })),
  clickhouse: (records) =>
    operationsOf(records, projectWarehouse).map(({ row, version }) => ({
      note: (JSON.parse(row) as { operation: string }).operation === 'delete' ? null : noteIn(row),
      version,
    })),
}

function operationsOf<Op extends Operation>(records: Records, project: Projection<Op>): readonly Op[] {
  const plan = planBatch(records, project, {
    format: 'debezium',
    table: { schema: 'cdc', name: 'orders' },
    epoch: 0,
  })
  if (plan.poison.length > 0) throw new Error(`a record is poison: ${JSON.stringify(plan.poison)}`)
  return plan.operations
}

function noteIn(document: string): string {
  return (JSON.parse(document) as { note: string }).note
}
