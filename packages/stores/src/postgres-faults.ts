/**
 * Sorts PostgreSQL's failures by who has to act: the client that sent a bad value, the client that may simply try
 * again, the operator whose database is away, or us.
 */

export type DatabaseFault = 'refused' | 'contended' | 'unavailable' | 'bug'

export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly kind: DatabaseFault

  constructor(kind: DatabaseFault, cause: unknown) {
    super(`database: ${kind}`, { cause })
    this.kind = kind
  }
}

/**
 * By SQLSTATE (PostgreSQL's appendix A). An error without one comes from the connection, not from the database: refused,
 * cut, or out of time.
 */
export function databaseFaultOf(error: unknown): DatabaseFault {
  if (!Error.isError(error) || error.name === 'TypeError') return 'bug'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (!/^[0-9A-Z]{5}$/.test(code)) return 'unavailable'
  if (code === '40001' || code === '40P01') return 'contended'
  switch (code.slice(0, 2)) {
    case '22': // data exception
    case '23': // constraint violation
      return 'refused'
    case '08': // connection exception
    case '25': // read only, or idle in a transaction for too long
    case '28': // the password was changed
    case '3D': // the database is gone
    case '53': // out of disk, memory or connections
    case '55': // locked for too long
    case '57': // shutting down, starting up, or the statement took too long
    case '58': // an error of the operating system
      return 'unavailable'
    default:
      return 'bug'
  }
}
