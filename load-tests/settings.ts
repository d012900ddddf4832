/**
 * The settings that a load has, read from text, with their limits. k6 and Node share these functions, so the script
 * started by hand is as careful as `make load-test`. Pure; every error says what to write instead.
 */

export const limits = {
  rateMax: 5_000,
  durationMsMax: 3_600_000,
  changesMax: 1_000_000,
} as const

export class SettingError extends Error {
  override readonly name = 'SettingError'
}

/** Reads `60s`, `2m`, `1m30s` or `1h` as milliseconds. @throws {SettingError} */
export function parseDurationMs(text: string): number {
  const [whole, hours, minutes, seconds] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text.trim()) ?? []
  const durationMs = (Number(hours ?? 0) * 3_600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0)) * 1_000
  if (whole === undefined || durationMs === 0 || durationMs > limits.durationMsMax) {
    throw new SettingError(`must be a time such as 60s, 2m or 1m30s, at most 1h; it is "${text}"`)
  }
  return durationMs
}

/** Reads the changes a second. @throws {SettingError} */
export function parseRate(text: string): number {
  const rate = Number(text.trim() || 'none')
  if (!Number.isInteger(rate) || rate < 1 || rate > limits.rateMax) {
    throw new SettingError(`must be a whole number of changes a second, 1 to ${limits.rateMax}; it is "${text}"`)
  }
  return rate
}

/** Reads the seed of the plan. @throws {SettingError} */
export function parseSeed(text: string): number {
  const seed = Number(text.trim() || 'none')
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) {
    throw new SettingError(`must be a whole number, 0 to 4294967295; it is "${text}"`)
  }
  return seed
}

/** Reads the name of a lane, such as `cdc` or `dual-write`. @throws {SettingError} */
export function parseLane(text: string): string {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(text)) {
    throw new SettingError(`must be the name of a lane, such as cdc or dual-write; it is "${text}"`)
  }
  return text
}

/**
 * Reads comma-separated addresses of the orders service. Only this machine is accepted, and the containers of a compose
 * project beside the caller: a load that changes and deletes orders must not reach anybody else's service, whatever is
 * written into a variable. @throws {SettingError}
 */
export function parseBaseUrls(text: string): readonly string[] {
  const urls = text
    .split(',')
    .map((url) => url.trim().replace(/\/+$/, ''))
    .filter((url) => url !== '')
  if (urls.length === 0) {
    throw new SettingError('must name at least one address of the orders service, such as http://127.0.0.1:13101')
  }
  for (const url of urls) {
    const host = /^http:\/\/(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(url)?.[1]
    if (host === undefined)
      throw new SettingError(`must hold addresses such as http://127.0.0.1:13101; one is "${url}"`)
    if (!isLoopback(host) && !isOrdersContainer(host)) {
      throw new SettingError(
        `must be on this machine (127.0.0.1, localhost or [::1]), because the load changes and deletes orders; one is "${url}"`,
      )
    }
  }
  return urls
}

/** `driftlab-orders-cdc-1`: what an instance is called on the network of its own compose project, and nowhere else. */
function isOrdersContainer(host: string): boolean {
  return /^[a-z0-9][a-z0-9_-]*-orders-[a-z-]+-\d{1,2}$/.test(host)
}

function isLoopback(host: string): boolean {
  const octets = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)
  if (octets) return octets.slice(1).every((octet) => Number(octet) <= 255)
  return host.toLowerCase() === 'localhost' || host === '[::1]'
}

/** Checks that the whole run stays within bounds. @throws {SettingError} */
export function assertBounded(load: { readonly rate: number; readonly durationMs: number }): void {
  const changes = (load.rate * load.durationMs) / 1_000
  if (changes > limits.changesMax) {
    throw new SettingError(
      `RATE times DURATION is ${changes} changes and may be ${limits.changesMax} at most: lower one of them`,
    )
  }
}
