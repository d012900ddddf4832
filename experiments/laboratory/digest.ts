/**
 * Short names for states, so that histories can hold and compare thousands of them: equal states have equal digests,
 * whatever order their fields or their keys were written in.
 */
import { createHash } from 'node:crypto'
import type { State } from '@driftlab/order-events'

/** JSON with the fields of every object in the order of their names. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : field,
  )
}

export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('base64url').slice(0, 22)
}

/** Of what is held under each key. */
export function digestOfStates(states: ReadonlyMap<string, unknown>): string {
  return digestOf([...states].toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

/** A state with its chain blanked: its hashes are alike for all who have read the same events, whatever they made of them. */
export function contentOf(state: State): State {
  return { ...state, sequence: 0, hash: '' }
}
