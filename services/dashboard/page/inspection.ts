/** Lays out what the source and every store hold of one order, field by field. Pure. */

interface HeldByStore {
  readonly status: string
  readonly reason: string | null
  readonly holds: 'present' | 'absent' | 'unreadable' | 'unobserved'
  readonly revision: number | null
  readonly fields: Readonly<Record<string, unknown>> | null
  readonly differences: readonly { readonly field: string }[]
  /** For each of its fields, the column of the source. */
  readonly columns: Readonly<Record<string, string>>
}

export interface Evidence {
  readonly source:
    | { readonly state: 'present'; readonly revision: number; readonly values: Readonly<Record<string, unknown>> }
    | { readonly state: 'deleted'; readonly revision: number; readonly deletedAt: string }
    | { readonly state: 'absent' }
  readonly stores: Readonly<Record<string, HeldByStore>>
}

export interface Cell {
  readonly text: string
  readonly differs: boolean
}

export interface Inspection {
  /** What can be said of the source as a whole. */
  readonly source: string
  readonly stores: readonly { readonly name: string; readonly status: string; readonly says: string }[]
  readonly rows: readonly {
    readonly field: string
    readonly source: string
    readonly stores: readonly Cell[]
  }[]
}

export function inspect({ source, stores }: Evidence): Inspection {
  const entries = Object.entries(stores)
  const values = source.state === 'present' ? source.values : undefined
  const fields =
    values === undefined
      ? [...new Set(entries.flatMap(([, { columns, fields: held }]) => (held === null ? [] : Object.values(columns))))]
      : Object.keys(values)
  return {
    source: describeSource(source),
    stores: entries.map(([name, held]) => ({ name, status: held.status, says: describeHeld(held) })),
    rows: fields.map((column) => ({
      field: column,
      source: values === undefined ? '' : textOf(values[column]),
      stores: entries.map(([, held]) => cellOf(column, held)),
    })),
  }
}

function cellOf(column: string, { holds, fields, columns, differences }: HeldByStore): Cell {
  const field = Object.entries(columns).find(([, from]) => from === column)?.[0]
  if (holds !== 'present' || fields === null || field === undefined) return { text: '', differs: false }
  return { text: textOf(fields[field]), differs: differences.some((difference) => difference.field === field) }
}

function describeSource(source: Evidence['source']): string {
  switch (source.state) {
    case 'present':
      return 'has it'
    case 'deleted':
      return `deleted it at revision ${source.revision}, ${source.deletedAt}`
    case 'absent':
      return 'never had it'
  }
}

function describeHeld({ holds, reason, status }: HeldByStore): string {
  switch (holds) {
    case 'absent':
      return status === 'same' ? 'holds nothing, rightly' : 'holds nothing'
    case 'unobserved':
      return 'did not answer'
    case 'unreadable':
      return reason ?? 'holds something that cannot be read'
    case 'present':
      return status === 'same' ? 'says the same' : (reason ?? 'differs')
  }
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
