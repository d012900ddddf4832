/** What the source and every store say of one key that differs: an example as in a report, made to be laid out in rows. */
import { describeExample, type StoreState } from '../example.ts'
import type { SourceState } from '../judge.ts'
import type { SourceRow } from '../projection.ts'
import type { Example, ExampleStore } from '../report.ts'

export interface Evidence extends Example {
  readonly stores: Readonly<Record<string, ExampleStore & { readonly columns: Readonly<Record<string, string>> }>>
}

/** `columns` of a store says for each of its fields from which column of the source it is taken. */
export function describeEvidence(key: string, source: SourceState<SourceRow>, stores: readonly StoreState[]): Evidence {
  const example = describeExample(key, source, stores)
  return {
    ...example,
    stores: Object.fromEntries(
      stores.flatMap(({ name, view }) => {
        const described = example.stores[name]
        if (described === undefined) return []
        const columns = Object.fromEntries(
          Object.entries(view.projection).map(([field, { column }]) => [field, column] as const),
        )
        return [[name, { ...described, columns }] as const]
      }),
    ),
  }
}
