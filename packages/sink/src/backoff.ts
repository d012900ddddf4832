export interface BackoffOptions {
  readonly firstMs: number
  readonly capMs: number
}

/**
 * How long to wait before attempt number `attempt` (from 1): doubles up to the cap, and takes a random half off, so
 * that several sinks do not knock on a recovering store at the same moment.
 */
export function backoffMs(attempt: number, { firstMs, capMs }: BackoffOptions, random: number = Math.random()): number {
  const full = Math.min(capMs, firstMs * 2 ** Math.min(attempt - 1, 30))
  return full / 2 + (random * full) / 2
}
