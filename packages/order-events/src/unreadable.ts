/** A record that is not what its topic holds. Commands like it are parked; in the events it stops whoever reads them. */
import { isUtf8 } from 'node:buffer'

export const unreadableReasons = [
  'malformed',
  'version-unknown',
  'type-unknown',
  'key-mismatch',
  'sequence-gap',
  'chain-broken',
] as const
export type UnreadableReason = (typeof unreadableReasons)[number]

export class Unreadable extends Error {
  override readonly name = 'Unreadable'
  readonly reason: UnreadableReason

  constructor(reason: UnreadableReason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** @throws {Unreadable} */
export function parseJson(value: Buffer | null): unknown {
  if (value === null) throw new Unreadable('malformed', 'The record has no value')
  if (!isUtf8(value)) throw new Unreadable('malformed', 'The value is not UTF-8 text')
  try {
    return JSON.parse(value.toString('utf8'))
  } catch (error) {
    throw new Unreadable(
      'malformed',
      `The value is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}
