/** How long one operation may take before the client gives up on it, in milliseconds. */
export interface ConnectOptions {
  readonly timeoutMs?: number
}

/** Long enough for a busy laptop, short enough that a caller learns of a dead store before its own caller hangs up. */
export const defaultTimeoutMs = 2_000

/** Splits `scheme://user:password@host:port/path` into the parts that clients take apart. @throws {TypeError} on a bad URL. */
export function splitCredentials(url: string): {
  readonly address: string
  readonly username: string
  readonly password: string
} {
  const parsed = new URL(url)
  const username = decodeURIComponent(parsed.username)
  const password = decodeURIComponent(parsed.password)
  parsed.username = ''
  parsed.password = ''
  return { address: parsed.toString(), username, password }
}
