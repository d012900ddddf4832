/**
 * A lane's rows in ClickHouse, read through a relation that shows at most one row a key.
 *
 * Keys travel as query parameters of the column's own type, so the table's primary key is used and no text is pasted
 * into a statement.
 */
import { connectClickHouse } from '@driftlab/stores'
import type { Held } from '../judge.ts'
import type { Projection, StoreSpecification } from '../specification.ts'
import { unreadable, type DerivedStore } from './derived-store.ts'

type ClickHouseSpecification = Extract<StoreSpecification, { kind: 'clickhouse' }>

/** Parameters travel in the address, whose length servers bound. */
const readMax = 500
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const keyAlias = '__key'

export async function openClickHouse(
  url: string,
  specification: ClickHouseSpecification,
  projection: Projection,
  options: { readonly timeoutMs: number },
): Promise<DerivedStore> {
  const client = connectClickHouse(url, options)
  const relation = specification.relation.split('.').map(quote).join('.')
  const key = quote(specification.key)
  const columns = Object.keys(projection).map(quote).join(', ')

  const select = async <Row>(query: string, parameters: Readonly<Record<string, unknown>>): Promise<Row[]> => {
    const answer = await client.query({
      query,
      query_params: { ...parameters },
      format: 'JSONEachRow',
      clickhouse_settings: {
        date_time_output_format: 'iso',
        output_format_json_quote_64bit_integers: 1,
        output_format_json_named_tuples_as_objects: 1,
      },
    })
    return answer.json<Row>()
  }

  let keyType: string
  try {
    const described = await client.query({ query: `SELECT ${key} FROM ${relation} LIMIT 0`, format: 'JSON' })
    const { meta } = await described.json()
    keyType = meta?.[0]?.type ?? 'String'
  } catch (error) {
    await client.close()
    throw error
  }
  const isPossible = (candidate: string): boolean =>
    keyType === 'UUID' ? uuidPattern.test(candidate) : !/^U?Int\d+$/.test(keyType) || /^-?\d{1,19}$/.test(candidate)

  return {
    dialect: 'warehouse',
    read: async (keys) => {
      const held = new Map<string, Held>()
      const possible = keys.filter(isPossible)
      for (let start = 0; start < possible.length; start += readMax) {
        const rows = await select<Record<string, unknown>>(
          `SELECT toString(${key}) AS ${keyAlias}, ${columns} FROM ${relation} WHERE ${key} IN ({keys:Array(${keyType})})`,
          { keys: possible.slice(start, start + readMax) },
        )
        for (const row of rows) {
          const rowKey = String(row[keyAlias])
          held.set(
            rowKey,
            held.has(rowKey)
              ? unreadable('more than one row has this key', JSON.stringify(row))
              : { state: 'present', fields: row },
          )
        }
      }
      return held
    },
    async *keys(pageSize) {
      let last: string | undefined
      for (;;) {
        const rows = await select<Record<string, string>>(
          `SELECT toString(${key}) AS ${keyAlias} FROM ${relation}` +
            `${last === undefined ? '' : ` WHERE ${key} > {last:${keyType}}`} ORDER BY ${key} LIMIT {size:UInt32}`,
          { size: pageSize, ...(last === undefined ? {} : { last }) },
        )
        if (rows.length === 0) return
        const page = rows.map((row) => row[keyAlias] ?? '')
        yield page
        if (page.length < pageSize) return
        last = page.at(-1)
      }
    },
    close: () => client.close(),
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
