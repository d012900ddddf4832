/** The result of a demo as text for a terminal. Pure: no colours, no width of its own, nothing that is not in the result. */
import Table from 'cli-table3'
import { conclusionOf } from './conclusion.ts'
import { divergenceKinds, lanes, stores, type DemoResult, type Example, type LaneResult, type Store } from './result.ts'

export const storeTitles = { redis: 'Redis', elasticsearch: 'Elasticsearch', clickhouse: 'ClickHouse' } as const

/** The longest value that a table shows whole. */
const valueLengthMax = 36

export function formatReport(result: DemoResult): string {
  const examples = lanes.flatMap((lane) => result.lanes[lane].examples.map((example) => formatExample(lane, example)))
  return [
    'Orders that differ from PostgreSQL',
    formatDivergences(result),
    ...(examples.length === 0
      ? []
      : ['What the stores hold of some of them (= is the same as PostgreSQL)', ...examples]),
    'Latency in ms: p50 / p99 / max',
    formatLatencies(result),
    ...formatLag(result.lanes.cdc),
    '',
    conclusionOf(result.lanes),
  ].join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({ head: [...head], style: { head: [], border: [], compact: true } })
  for (const row of rows) made.push([...row])
  return made.toString()
}

export function formatDivergences(result: DemoResult): string {
  const rows = lanes.flatMap((lane) => {
    const found = result.lanes[lane]
    return stores.map((store, index) => [
      index === 0 ? lane : '',
      index === 0 ? String(found.orders) : '',
      storeTitles[store],
      ...divergenceKinds.map((kind) => String(found.stores[store].divergences[kind])),
      index === 0 ? found.verdict : '',
    ])
  })
  return table(['lane', 'orders', 'store', ...divergenceKinds, 'verdict'], rows)
}

function formatLatencies(result: DemoResult): string {
  const rows = lanes.map((lane) => {
    const found = result.lanes[lane]
    return [
      lane,
      formatLatency(found.http.latencyMs),
      ...stores.map((store) => formatLatency(found.stores[store].latencyMs)),
    ]
  })
  return table(['lane', 'the request', ...stores.map((store) => `commit to ${storeTitles[store]}`)], rows)
}

/** p50 / p99 / max. */
export function formatLatency(latencyMs: LaneResult['http']['latencyMs'] | null): string {
  if (latencyMs === null) return 'within the request'
  return [latencyMs.p50, latencyMs.p99, latencyMs.max].map((ms) => ms.toFixed(ms < 10 ? 1 : 0)).join(' / ')
}

function formatLag({ lag }: LaneResult): readonly string[] {
  if (lag === null) return []
  const { atLoadEnd, drainedInMs } = lag
  return [
    `When the load on cdc ended, the slowest sink was ${atLoadEnd.records} records (${atLoadEnd.ms.toFixed(0)} ms) ` +
      `behind the log; ${drainedInMs.toFixed(0)} ms later all three had everything.`,
  ]
}

/** One order: a row for each field that differs somewhere, a column for each store. */
export function formatExample(lane: string, example: Pick<Example, 'id' | 'systemOfRecord' | 'stores'>): string {
  const rows = new Map<string, { systemOfRecord: string; held: Partial<Record<Store, string>> }>()
  const put = (field: string, systemOfRecord: string, store: Store, held: string): void => {
    const row = rows.get(field) ?? { systemOfRecord, held: {} }
    row.held[store] = held
    rows.set(field, row)
  }
  for (const store of stores) {
    const { status, differences } = example.stores[store]
    if (status !== 'same' && differences.length === 0) put('the order', example.systemOfRecord, store, status)
    for (const { field, systemOfRecord, store: held } of differences) {
      put(camelCase(field), value(systemOfRecord), store, value(held))
    }
  }
  const cell = (store: Store, held: string | undefined): string => {
    if (held !== undefined) return held
    const { status, differences } = example.stores[store]
    return status === 'same' || differences.length > 0 ? '=' : status
  }
  return [
    `${lane} order ${example.id}`,
    table(
      ['field', 'PostgreSQL', ...stores.map((store) => storeTitles[store])],
      [...rows].map(([field, row]) => [
        field,
        row.systemOfRecord,
        ...stores.map((store) => cell(store, row.held[store])),
      ]),
    ),
  ].join('\n')
}

/** The warehouse names its columns customer_id where the others say customerId; a reader wants one row for both. */
function camelCase(field: string): string {
  return field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function value(held: unknown): string {
  const text = typeof held === 'string' ? held : JSON.stringify(held)
  return text.length > valueLengthMax ? `${text.slice(0, valueLengthMax - 1)}…` : text
}
