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

/** The code of a Node system error (`ENOENT`, `EPERM`), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
