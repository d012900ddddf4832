/** Reads what a process exposes at /metrics: every series name with its type, its labels and their values. Pure. */

export interface Metric {
  /** Of a histogram's `_bucket`, `_sum` and `_count` each: they only rise. */
  readonly type: 'counter' | 'gauge'
  /** Each label with the values that were seen; `any` when they are not to be held against what was seen. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string> | 'any'>
}

/** By the name of a series, as a query names it. */
export type Catalog = ReadonlyMap<string, Metric>

const sampleLine = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? \S+$/u
const label = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gu

/** Puts together what several processes expose. @throws when a line is neither a comment nor a sample. */
export function readExpositions(texts: readonly string[]): Catalog {
  const catalog = new Map<string, { type: Metric['type']; labels: Map<string, Set<string>> }>()
  for (const text of texts) {
    const types = new Map<string, string>()
    for (const line of text.split('\n')) {
      const declared = /^# TYPE (\S+) (\w+)$/u.exec(line)
      if (declared !== null) {
        types.set(declared[1] ?? '', declared[2] ?? '')
        continue
      }
      if (line === '' || line.startsWith('#')) continue
      const sample = sampleLine.exec(line)
      if (sample === null) throw new Error(`This is no sample: ${line}`)
      const [, name = '', labels = ''] = sample
      const metric = catalog.get(name) ?? { type: typeOf(name, types), labels: new Map<string, Set<string>>() }
      catalog.set(name, metric)
      for (const [, labelName = '', value = ''] of labels.matchAll(label)) {
        metric.labels.set(labelName, (metric.labels.get(labelName) ?? new Set()).add(value))
      }
    }
  }
  return catalog
}

function typeOf(name: string, types: ReadonlyMap<string, string>): Metric['type'] {
  const family = name.replace(/_(bucket|sum|count)$/u, '')
  return types.get(family) === 'histogram' || types.get(name) === 'counter' ? 'counter' : 'gauge'
}

/** With labels that every series gets from elsewhere, as from the scraper. */
export function withLabels(catalog: Catalog, labels: Metric['labels']): Catalog {
  return new Map(
    [...catalog].map(([name, metric]) => [name, { ...metric, labels: new Map([...metric.labels, ...labels]) }]),
  )
}
