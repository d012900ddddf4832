/** Everything the runtime reports to a person: `code` for programs, `message` says what to do next. */
export type LabErrorCode =
  | 'bad-settings'
  | 'prerequisite-missing'
  | 'install-failed'
  | 'port-taken'
  | 'process-died'
  | 'not-ready'
  | 'job-failed'
  | 'wrong-password'
  | 'unknown-component'
  | 'not-scalable'
  | 'busy'
  | 'interrupted'

export class LabError extends Error {
  override readonly name = 'LabError'
  readonly code: LabErrorCode

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * The code of a Node system error (`ENOENT`, `EPERM`) or of PostgreSQL's (`28P01`), or undefined for anything else. Asked by shape, not by class:
 * under a test runner, Node's own errors come from another realm and are no instances of this one's Error.
 */
export function systemErrorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

export function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error
  return String(message)
}
