/**
 * Everything that one snapshot sees and the one before did not, in the order of the numbers.
 *
 * It loses nothing: every commit lies between two snapshots. And it keeps each order's rows in their order. A row is
 * numbered while its transaction holds the lock on the order, so of two rows of one order the one with the lower number
 * was committed before the other was written: whichever snapshot sees the newer sees the older, and if both are new to
 * it the numbers sort them. It waits for nobody, and leaves the rows where they are, for as long as one wants a history.
 *
 * The position holds transaction ids of this very server: a copy of the database made by dump and restore starts anew.
 */
import { z } from 'zod'
import { positionStore } from '../position.ts'
import type { Reader } from '../reader.ts'
import type { Row } from '../table.ts'

/** Published are all rows that `seen` sees, and, of those that `next` sees besides, the ones up to `seq`. */
const positionSchema = z.object({
  seen: z.string(),
  within: z.object({ next: z.string(), seq: z.string() }).optional(),
})
type Position = z.output<typeof positionSchema>

/** Of a server that has not seen a transaction yet. */
const nothingSeen = '1:1:'

export const snapshot: Reader = async (context) => {
  const { client, table, batchSizeMax, publish } = context
  const positions = positionStore<Position>(context, 'snapshot', positionSchema)
  let position: Position = (await positions.load()) ?? { seen: nothingSeen }

  const now = async (): Promise<string> => {
    const { rows } = await client.query<{ now: string }>({
      name: 'take-snapshot',
      text: 'select pg_current_snapshot()::text as now',
    })
    return rows[0]?.now ?? nothingSeen
  }

  return async () => {
    const { next, seq } = position.within ?? { next: await now(), seq: '0' }
    const { rows } = await client.query<Row>({
      name: 'read-between-snapshots',
      text:
        `select ${table.columns} from ${table.name} ` +
        // The first condition is for the index; the other two are the question.
        `where xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::pg_snapshot) ` +
        `and pg_visible_in_snapshot(xid, $2::pg_snapshot) and seq > $3 order by ${table.name}.seq limit $4`,
      values: [position.seen, next, seq, batchSizeMax],
    })
    const newest = rows.at(-1)
    if (newest !== undefined) await publish(rows)
    const partial = newest !== undefined && rows.length === batchSizeMax
    position = partial ? { seen: position.seen, within: { next, seq: newest.seq } } : { seen: next }
    if (newest !== undefined) await positions.save(position)
    return rows.length
  }
}
