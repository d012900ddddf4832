/** What the experiment writes down: one entry for each sale. */
import { z } from 'zod'

/**
 * `log`: one processor decides the commands of a partition. `serializable`: SERIALIZABLE, tried again on 40001.
 * `conditional`: READ COMMITTED, the UPDATE itself asks whether there is enough. `check-in-code`: READ COMMITTED, read, decide
 * and write, as it is usually written.
 */
export const ways = ['log', 'serializable', 'conditional', 'check-in-code'] as const
export type Way = (typeof ways)[number]

export const entrySchema = z.object({
  way: z.enum(ways),
  round: z.int(),
  clients: z.int(),
  /** In each stock before the sale. */
  unitsEach: z.int(),
  /** What was tried of each stock, one unit a time, and what is recorded of it afterwards. */
  stocks: z.array(
    z.object({
      /** Told to a client. */
      sold: z.int(),
      refused: z.int(),
      /** Neither: no answer in time. */
      open: z.int(),
      /** Orders that have a unit, counted in the system of record when nothing was on its way any more. */
      recorded: z.int(),
    }),
  ),
  /** Transactions that were tried again. */
  retries: z.int(),
  durationMs: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
})
export type Entry = z.output<typeof entrySchema>
export type Stock = Entry['stocks'][number]

export const total = (sale: Entry, of: (stock: Stock) => number): number =>
  sale.stocks.reduce((sum, stock) => sum + of(stock), 0)

/** Units that more orders have than there were. */
export function oversold(sale: Entry): number {
  return total(sale, ({ recorded }) => Math.max(0, recorded - sale.unitsEach))
}
