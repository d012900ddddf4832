/** What the experiment records. */
import { divergenceKinds } from '@driftlab/auditor'
import { z } from 'zod'
import { dualWriteVariants } from '../../services/orders/src/config.ts'
import { derivedStores } from '../../services/orders/src/derived-stores/derived-store.ts'
import { phases } from './faults.ts'

export const strategies = [...dualWriteVariants, 'cdc', 'outbox by connector', 'outbox by relay'] as const
export type Strategy = (typeof strategies)[number]

export const dualWrites = strategies.filter((strategy) => strategy.startsWith('dual-write'))
export const throughLog = strategies.filter((strategy) => !strategy.startsWith('dual-write'))

/** What a quick run tries: the plain dual write and the repair that is used most, the log and the outbox. */
export const tried = (strategy: Strategy, quick: boolean): boolean =>
  !quick || ['dual-write', 'dual-write-retry', 'cdc', 'outbox by relay'].includes(strategy)

const phase = z.enum(phases)
const strategy = z.enum(strategies)
const count = z.int().nonnegative()

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('phase'),
    phase,
    strategy,
    /** How often one of its processes was killed. */
    deaths: count,
    /** Connections, requests and answers on its ways to the stores that a fault has hit. */
    hits: count,
    /** Requests by how they ended, as the client sees it. */
    outcomes: z.object({ ok: count, failed: count, indeterminate: count }),
  }),
  z.object({
    kind: z.literal('audit'),
    strategy,
    verdict: z.enum(['consistent', 'diverged', 'unknown']),
    doubts: z.array(z.string()),
    rows: count,
  }),
  /** An order of which at least one derived store holds something else than the system of record. */
  z.object({
    kind: z.literal('wrong-copy'),
    strategy,
    /** The phase in which the order was made. */
    phase,
    order: z.string(),
    /** Every request for it was answered as it should be. */
    acknowledged: z.boolean(),
    /** In the system of record; null when it is not there. */
    revision: z.number().nullable(),
    stores: z.array(
      z.object({ store: z.enum(derivedStores), kind: z.enum(divergenceKinds), revision: z.number().nullable() }),
    ),
  }),
])
export type Entry = z.output<typeof entrySchema>
