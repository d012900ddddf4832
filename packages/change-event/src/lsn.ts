/** A position in PostgreSQL's write-ahead log: 64 bits, so a bigint; written as two hexadecimal halves, `0/16B3748`. */
declare const lsnBrand: unique symbol
export type Lsn = bigint & { readonly [lsnBrand]: 'Lsn' }

const lsnLimit = 1n << 64n

/** @throws {RangeError} when the text is not two hexadecimal numbers of at most eight digits with a slash between. */
export function parseLsn(text: string): Lsn {
  const halves = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text)
  if (halves === null) throw new RangeError(`Not an LSN such as 0/16B3748: ${JSON.stringify(text)}`)
  return ((BigInt(`0x${halves[1] ?? ''}`) << 32n) | BigInt(`0x${halves[2] ?? ''}`)) as Lsn
}

/** @throws {RangeError} when the number is not a position from 0 to 2^64 - 1, or no longer exact. */
export function lsnFromNumber(value: number | bigint): Lsn {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new RangeError(`Not an exact LSN: ${value}`)
  const lsn = BigInt(value)
  if (lsn < 0n || lsn >= lsnLimit) throw new RangeError(`Not an LSN of 64 bits: ${String(value)}`)
  return lsn as Lsn
}

/** As PostgreSQL writes it. */
export function formatLsn(lsn: Lsn): string {
  const hex = (half: bigint): string => half.toString(16).toUpperCase()
  return `${hex(lsn >> 32n)}/${hex(lsn & 0xffff_ffffn)}`
}
