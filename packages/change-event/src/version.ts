import { offsetLimit, type Offset } from './offset.ts'

/** The number that guards a write in a derived store: of two changes of one key, the later has the greater version. */
declare const versionBrand: unique symbol
export type Version = number & { readonly [versionBrand]: 'Version' }

/** Epochs stay below this, so that a version is a safe integer. */
export const epochLimit = 2 ** 13

/**
 * `epoch * 2^40 + offset + 1` (docs/adr/0001). 0 is never a version: it stands for a key nobody has written.
 *
 * @throws {RangeError} when the epoch is not a whole number from 0 to 2^13 - 1.
 */
export function versionOf(epoch: number, offset: Offset): Version {
  if (!Number.isInteger(epoch) || epoch < 0 || epoch >= epochLimit) {
    throw new RangeError(`Not an epoch from 0 to ${epochLimit - 1}: ${epoch}`)
  }
  return (epoch * offsetLimit + offset + 1) as Version
}
