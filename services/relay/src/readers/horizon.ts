/**
 * Everything up to the horizon, the oldest transaction that is still open: below it nothing can appear any more. The
 * usual repair of `after-id`, and it loses nothing.
 *
 * It keeps no order. Rows come in the order in which their transactions began to write, and of two that write one order
 * the one that began first can be the second to get the row: its newer row is then published before the older one. And
 * one transaction that stays open holds back everybody who came after it.
 */
import { z } from 'zod'
import { positionStore } from '../position.ts'
import type { Reader } from '../reader.ts'
import type { Row } from '../table.ts'

export const horizon: Reader = async (context) => {
  const { client, table, batchSizeMax, publish } = context
  const positions = positionStore(context, 'horizon', z.object({ xid: z.string(), seq: z.string() }))
  let last = (await positions.load()) ?? { xid: '0', seq: '0' }

  return async () => {
    const { rows } = await client.query<Row>({
      name: 'read-to-horizon',
      text:
        `select ${table.columns} from ${table.name} ` +
        `where (xid, seq) > ($1::xid8, $2::bigint) and xid < pg_snapshot_xmin(pg_current_snapshot()) ` +
        `order by ${table.name}.xid, ${table.name}.seq limit $3`,
      values: [last.xid, last.seq, batchSizeMax],
    })
    const newest = rows.at(-1)
    if (newest === undefined) return 0
    await publish(rows)
    last = { xid: newest.xid, seq: newest.seq }
    await positions.save(last)
    return rows.length
  }
}
