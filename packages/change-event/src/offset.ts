/**
 * A position in one partition of a Kafka topic.
 *
 * Kafka counts in 64 bits and clients hand offsets over as text. Here an offset is a number below 2^40 (a million
 * records a second for twelve days short of thirteen), because a version is made of it and must stay a safe integer.
 */
declare const offsetBrand: unique symbol
export type Offset = number & { readonly [offsetBrand]: 'Offset' }

/** Offsets stay below this, so that an epoch and an offset fit one safe integer. */
export const offsetLimit = 2 ** 40

/** @throws {RangeError} when the value is not a whole number from 0 to 2^40 - 1. */
export function parseOffset(value: string | number | bigint): Offset {
  const offset = Number(value)
  if (!Number.isInteger(offset) || offset < 0 || offset >= offsetLimit) {
    throw new RangeError(`Not an offset from 0 to 2^40 - 1: ${String(value)}`)
  }
  return offset as Offset
}
