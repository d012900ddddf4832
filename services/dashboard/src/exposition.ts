/** Reads the samples of named series out of Prometheus' text format. Pure. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const label = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/gu

/** Lines of other series, comments and what is no sample are passed over: another process's text proves nothing here. */
export function readSamples(text: string, names: ReadonlySet<string>): readonly Sample[] {
  const samples: Sample[] = []
  for (const line of text.split('\n')) {
    const name = /^[A-Za-z_:][\w:]*/u.exec(line)?.[0]
    if (name === undefined || !names.has(name)) continue
    const rest = line.slice(name.length)
    const end = rest.startsWith('{') ? rest.lastIndexOf('}') + 1 : 0
    const value = readNumber(rest.slice(end).trim().split(' ')[0] ?? '')
    if (value === undefined) continue
    const labels = Object.fromEntries(
      [...rest.slice(0, end).matchAll(label)].map(([, key = '', text_ = '']) => [key, unescape(text_)]),
    )
    samples.push({ name, labels, value })
  }
  return samples
}

function readNumber(text: string): number | undefined {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  const value = text === '' ? Number.NaN : Number(text)
  return Number.isNaN(value) ? undefined : value
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/gu, (_escape, character: string) => (character === 'n' ? '\n' : character))
}

export function select(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly Sample[] {
  const wanted = Object.entries(labels)
  return samples.filter((sample) => sample.name === name && wanted.every(([key, text]) => sample.labels[key] === text))
}

/** Null when there is no such series. */
export function sum(samples: readonly Sample[]): number | null {
  return samples.length === 0 ? null : samples.reduce((total, { value }) => total + value, 0)
}
