/**
 * The place in the list of orders where a page ended, opaque to clients: its form may change with any release, so it
 * says which form it has.
 */
const prefix = 'after:'
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function encodeCursor(lastId: string): string {
  return Buffer.from(prefix + lastId).toString('base64url')
}

/** @returns the id of the last order of the page before, or undefined when this is no cursor of ours. */
export function decodeCursor(cursor: string): string | undefined {
  const decoded = Buffer.from(cursor, 'base64url').toString('latin1')
  const lastId = decoded.slice(prefix.length)
  // Decoding is lenient about stray characters; only the very text that was given out is taken back.
  return uuidPattern.test(lastId) && encodeCursor(lastId) === cursor ? lastId : undefined
}

/** An id in the form the database writes it, or undefined when it can be no order's. */
export function parseOrderId(text: string): string | undefined {
  const id = text.toLowerCase()
  return uuidPattern.test(id) ? id : undefined
}
