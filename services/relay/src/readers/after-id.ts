/**
 * Everything after the last number: the poller that most have written once.
 *
 * It loses rows. A number is given when a row is written; when a later number commits first, the reader passes it, and
 * the row that was numbered before and commits now lies behind it for ever.
 */
import { z } from 'zod'
import { positionStore } from '../position.ts'
import type { Reader } from '../reader.ts'
import type { Row } from '../table.ts'

export const afterId: Reader = async (context) => {
  const { client, table, batchSizeMax, publish } = context
  const positions = positionStore(context, 'after-id', z.string())
  let last = (await positions.load()) ?? '0'

  return async () => {
    const { rows } = await client.query<Row>({
      name: 'read-after-id',
      text: `select ${table.columns} from ${table.name} where seq > $1 order by ${table.name}.seq limit $2`,
      values: [last, batchSizeMax],
    })
    const newest = rows.at(-1)
    if (newest === undefined) return 0
    await publish(rows)
    last = newest.seq
    await positions.save(last)
    return rows.length
  }
}
