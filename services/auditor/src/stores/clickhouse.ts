/**
 * A lane's rows in ClickHouse, read through a relation that shows at most one row a key.
 *
 * Keys travel in the statement, as escaped literals: parameters travel in the address, whose length servers and proxies
 * bound. The server reads them as the column's own type, so the table's primary key is used.
 */
import { connectClickHouse } from '@driftlab/stores'
import type { Held } from '../judge.ts'
import type { Projection, StoreSpecification } from '../specification.ts'
import { unreadable, type DerivedStore } from './derived-store.ts'

type ClickHouseSpecification = Extract<StoreSpecification, { kind: 'clickhouse' }>

/** Servers bound a statement to 256 KiB; this many characters of keys leave room for the rest, and for UTF-8. */
const literalsMax = 150_000
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

  const select = async <Row>(query: string): Promise<Row[]> => {
    const answer = await client.query({
      query,
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
      for (const literals of batches(possible.map(literal), literalsMax)) {
        const rows = await select<Record<string, unknown>>(
          `SELECT toString(${key}) AS ${keyAlias}, ${columns} FROM ${relation} WHERE ${key} IN (${literals.join(', ')})`,
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
        const beyond = last === undefined ? '' : `WHERE ${key} > CAST(${literal(last)}, ${literal(keyType)})`
        const rows = await select<Record<string, string>>(
          `SELECT toString(${key}) AS ${keyAlias} FROM ${relation} ${beyond} ORDER BY ${key} LIMIT ${String(pageSize)}`,
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

/** A text literal of ClickHouse's SQL, whatever the text. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function* batches(literals: readonly string[], charactersMax: number): Generator<readonly string[]> {
  let batch: string[] = []
  let characters = 0
  for (const text of literals) {
    if (batch.length > 0 && characters + text.length > charactersMax) {
      yield batch
      batch = []
      characters = 0
    }
    batch.push(text)
    characters += text.length + 2
  }
  if (batch.length > 0) yield batch
}
