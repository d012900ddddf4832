/**
 * Inserts warehouse rows, many at a time.
 *
 * Invariant: rows are only ever added. Of the versions of an order the engine keeps the highest, so an insert that is
 * repeated, late or out of order changes nothing that a reader of the views sees. ClickHouse therefore never says that
 * an operation was stale.
 */
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { isError, StoreUnavailable, type Refusal, type Store, type WriteResult } from '@driftlab/sink'
import type { ClickHouse } from '@driftlab/stores'
import { gather } from './gather.ts'
import type { WarehouseOperation } from './operations.ts'

export interface WarehouseStoreOptions {
  readonly database: string
  /** Where the rows go in; another than `order_changes` while a rebuild fills a fresh generation. */
  readonly table?: string
}

export function createWarehouseStore(
  client: ClickHouse,
  { database, table = 'order_changes' }: WarehouseStoreOptions,
): Store<WarehouseOperation> {
  const insert = async (operations: readonly WarehouseOperation[]): Promise<readonly Refusal<WarehouseOperation>[]> => {
    if (operations.length === 0) return []
    try {
      const { stream } = await client.exec({
        query: `INSERT INTO ${database}.${table} FORMAT JSONEachRow`,
        values: Readable.from([operations.map(({ row }) => row).join('\n')], { objectMode: false }),
      })
      await text(stream)
      return []
    } catch (error) {
      if (!isError(error)) throw error
      const code = codeOf(error)
      if (code === undefined || passingCodes.has(code)) {
        throw new StoreUnavailable(`ClickHouse takes no rows: ${error.message}`, { cause: error })
      }
      if (!rowAtFaultCodes.has(code)) throw error
      // An insert is refused as a whole. Halving finds the rows at fault, and lets all others in.
      const [first] = operations
      if (operations.length === 1 && first !== undefined) {
        return [{ operation: first, code: `ClickHouse-${code}`, message: error.message }]
      }
      const middle = Math.ceil(operations.length / 2)
      return [...(await insert(operations.slice(0, middle))), ...(await insert(operations.slice(middle)))]
    }
  }

  const insertGathered = gather(insert, { windowMs: 5 })

  return {
    write: async (operations): Promise<WriteResult<WarehouseOperation>> => {
      const refused = await insertGathered(operations)
      if (refused.length === 0) return { stale: 0, refused }
      const ours = new Set(operations)
      return { stale: 0, refused: refused.filter(({ operation }) => ours.has(operation)) }
    },
    ping: async () => {
      const { success, error } = await pingOf(client)
      if (!success) throw new StoreUnavailable(`ClickHouse does not answer: ${error?.message ?? ''}`, { cause: error })
    },
    close: () => client.close(),
  }
}

async function pingOf(client: ClickHouse): Promise<{ readonly success: boolean; readonly error?: Error }> {
  return client.ping({ select: true })
}

/** ClickHouse's own number of an error; absent when the request got no answer. */
function codeOf(error: Error): number | undefined {
  return 'code' in error && /^\d+$/.test(String(error.code)) ? Number(error.code) : undefined
}

/** The server is overloaded, starting, out of room, not set up yet, or held by a rebuild. */
const passingCodes: ReadonlySet<number> = new Set([
  60, // UNKNOWN_TABLE: run infra/clickhouse/set-up.ts
  81, // UNKNOWN_DATABASE: the same
  159, // TIMEOUT_EXCEEDED
  160, // TOO_SLOW
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  236, // ABORTED: shutting down
  241, // MEMORY_LIMIT_EXCEEDED
  242, // TABLE_IS_READ_ONLY
  243, // NOT_ENOUGH_SPACE
  252, // TOO_MANY_PARTS
  394, // QUERY_WAS_CANCELLED
  774, // TABLE_IS_PERMANENTLY_READ_ONLY: which a rebuild makes it, until it has switched
])

/** A value of some row does not fit its column. */
const rowAtFaultCodes: ReadonlySet<number> = new Set([
  6, // CANNOT_PARSE_TEXT
  25, // CANNOT_PARSE_ESCAPE_SEQUENCE
  26, // CANNOT_PARSE_QUOTED_STRING
  27, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  33, // CANNOT_READ_ALL_DATA
  38, // CANNOT_PARSE_DATE
  41, // CANNOT_PARSE_DATETIME
  53, // TYPE_MISMATCH
  69, // ARGUMENT_OUT_OF_BOUND
  70, // CANNOT_CONVERT_TYPE
  72, // CANNOT_PARSE_NUMBER
  117, // INCORRECT_DATA
  130, // CANNOT_READ_ARRAY_FROM_TEXT
  131, // TOO_LARGE_STRING_SIZE
  321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
  376, // CANNOT_PARSE_UUID
  407, // DECIMAL_OVERFLOW
  469, // VIOLATED_CONSTRAINT
])
