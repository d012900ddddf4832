/**
 * ClickHouse's errors as its HTTP interface reports them: text that begins with `Code: N. DB::Exception:`, a header
 * with the code, and the status the real server chooses for that code. Pure; it never hides an error it does not know.
 */

const statusByCode: Readonly<Record<number, number>> = {
  6: 400,
  26: 400,
  27: 400,
  33: 400,
  38: 400,
  41: 400,
  72: 400,
  117: 400,
  53: 400,
  62: 400,
  36: 400,
  15: 400,
  44: 400,
  376: 400,
  675: 400,
  676: 400,
  457: 400,
  456: 400,
  69: 400,
  427: 400,
  43: 400,
  42: 400,
  46: 404,
  47: 404,
  50: 404,
  56: 404,
  60: 404,
  73: 404,
  79: 404,
  81: 404,
  115: 404,
  78: 404,
  511: 404,
  16: 404,
  107: 404,
  48: 501,
  124: 413,
  307: 413,
  159: 408,
  160: 408,
  241: 500,
  252: 500,
  164: 403,
  497: 403,
  192: 403,
  193: 401,
  194: 401,
  516: 401,
  209: 503,
  210: 503,
  76: 503,
  439: 503,
}

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: number
  readonly type: string
  constructor(code: number, type: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.type = type
  }
}

export function httpStatus(code: number): number {
  return statusByCode[code] ?? 500
}

/** The text a client gets; the official clients parse exactly this shape. */
export function errorText(error: EngineError, version: string): string {
  return `Code: ${error.code}. DB::Exception: ${error.message} (${error.type}) (version ${version} (embedded engine))\n`
}

/** Reads `Code: 60. DB::Exception: … (UNKNOWN_TABLE)` as the engine raises it; anything else is a 1002 UNKNOWN_EXCEPTION. */
export function parseEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const text = error instanceof Error ? error.message : String(error)
  const match = /^Code: (\d+)\. DB::Exception: ([\s\S]*?)\s*\(([A-Z][A-Z0-9_]+)\)\s*(?:\(version [^)]*\)\.?\s*)?$/.exec(
    text,
  )
  if (match === null) return new EngineError(1002, 'UNKNOWN_EXCEPTION', text, { cause: error })
  const [, code = '1002', message = text, type = 'UNKNOWN_EXCEPTION'] = match
  return new EngineError(Number(code), type, message, { cause: error })
}
