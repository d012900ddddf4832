/** Numbers and times as people read them. Pure. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

/** What is not known is a dash. */
export function number(value: number | null): string {
  if (value === null) return '–'
  return Math.abs(value) < 10 ? fine.format(value) : whole.format(value)
}

export function count(value: number | null): string {
  return value === null ? '–' : whole.format(value)
}

export function milliseconds(value: number | null): string {
  if (value === null) return '–'
  return value < 10_000 ? `${number(value)} ms` : `${number(value / 1_000)} s`
}

export function bytes(value: number | null): string {
  if (value === null) return '–'
  if (value < 1_024) return `${whole.format(value)} B`
  if (value < 1_024 ** 2) return `${fine.format(value / 1_024)} KiB`
  return `${fine.format(value / 1_024 ** 2)} MiB`
}

/** How long ago, in the largest unit that says enough. */
export function age(fromMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - fromMs) / 1_000))
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`
}

export function plural(value: number, one: string, many: string): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

export function list(words: readonly string[]): string {
  const last = words.at(-1)
  if (last === undefined) return ''
  return words.length === 1 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}
