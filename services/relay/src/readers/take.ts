/**
 * Whatever is there, in the order of the numbers; what was published is deleted. The table holds what is yet to be
 * published and nothing else, so no position can be wrong.
 *
 * It loses nothing: only rows that were read are deleted, by their numbers, and not all up to the last of them. It keeps
 * each order's rows in their order, for the reason given in `snapshot`: who sees the newer row sees the older one too.
 */
import type { Reader } from '../reader.ts'
import type { Row } from '../table.ts'

export const take: Reader = ({ client, table, batchSizeMax, publish }) =>
  Promise.resolve(async () => {
    const { rows } = await client.query<Row>({
      name: 'read-all',
      text: `select ${table.columns} from ${table.name} order by ${table.name}.seq limit $1`,
      values: [batchSizeMax],
    })
    if (rows.length === 0) return 0
    // No transaction is open meanwhile: only we delete here, and an open one would hold back the server's vacuum.
    await publish(rows)
    await client.query({
      name: 'delete-published',
      text: `delete from ${table.name} where seq = any($1::bigint[])`,
      values: [rows.map(({ seq }) => seq)],
    })
    return rows.length
  })
