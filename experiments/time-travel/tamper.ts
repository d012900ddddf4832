/** Copies of a partition in which something is not what was written; pure but for the dice. */
import {
  decodeEvent,
  encodeEvent,
  follow,
  emptyState,
  seal,
  Unreadable,
  type DomainEvent,
} from '@driftlab/order-events'
import type { State } from '@driftlab/order-events'
import { pick, type Dice } from '../laboratory/order-commands.ts'
import type { EntryOf, Tampering } from './history.ts'

/** Key and value of a record; where it stands in the list is its offset, as in a log that is copied. */
export interface Copied {
  readonly key: Buffer
  readonly value: Buffer
}

export function copyOf(event: DomainEvent): Copied {
  const { key, value } = encodeEvent(event)
  return { key: Buffer.from(key), value: Buffer.from(value) }
}

export interface Accusation {
  readonly offset: number
  readonly reason: string
}

export interface Reading {
  /** The first record that does not follow from those before it. */
  readonly accused: Accusation | null
  /** Up to there. */
  readonly states: ReadonlyMap<string, State>
}

/** Reads a log as a processor does that opens a partition without knowing anything. */
export function readChain(log: readonly Copied[]): Reading {
  const states = new Map<string, State>()
  for (const [offset, { key, value }] of log.entries()) {
    try {
      const event = decodeEvent(key, value)
      states.set(event.key, follow(states.get(event.key) ?? emptyState(event.key), event))
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      return { accused: { offset, reason: error.reason }, states }
    }
  }
  return { accused: null, states }
}

/** The hash of the last event of every key: kept elsewhere, it tells of what the chain cannot. */
export function endsOf(states: ReadonlyMap<string, State>): ReadonlyMap<string, string> {
  return new Map([...states].map(([key, { hash }]) => [key, hash]))
}

/** @returns the keys that end otherwise, there or here. */
export function otherEnds(kept: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...kept.keys(), ...found.keys()])].filter((key) => kept.get(key) !== found.get(key))
}

export interface Tampered extends Pick<EntryOf<'tampered'>, 'key' | 'expected'> {
  readonly log: readonly Copied[]
}

/** Tampers with one event, chosen by the dice. @throws {RangeError} when the log has none that is fit for it. */
export function tamper(how: Tampering, events: readonly DomainEvent[], dice: Dice): Tampered {
  const chains = Map.groupBy(events.keys(), (place) => events[place]?.key ?? '')
  const places = [...chains.values()].filter(({ length }) => length >= 2)
  const chain = pick(dice, places)
  const last = chain.at(-1) ?? 0
  const index = Math.floor(dice.random() * (chain.length - 1))
  const place = chain[index] ?? 0
  const next = chain[index + 1] ?? 0
  const event = eventAt(events, place)
  const { key } = event
  const forged = { ...event, actor: `${event.actor}, or so it seems` }
  const copies = events.map(copyOf)
  switch (how) {
    case 'value changed':
      return { key, expected: place, log: copies.with(place, copyOf(forged)) }
    case 'value changed, sealed again':
      return { key, expected: next, log: copies.with(place, copyOf(seal(forged))) }
    case 'event removed':
      // Everything behind it moves up.
      return { key, expected: next - 1, log: copies.toSpliced(place, 1) }
    case 'event inserted': {
      const inserted = seal({ ...event, sequence: event.sequence + 1, previousHash: event.hash })
      return { key, expected: next + 1, log: copies.toSpliced(place + 1, 0, copyOf(inserted)) }
    }
    case 'two events swapped':
      return {
        ...{ key, expected: place },
        log: copies.with(place, copyOf(eventAt(events, next))).with(next, copyOf(event)),
      }
    case 'end cut off':
      return { key, expected: null, log: copies.toSpliced(last, 1) }
    case 'sealed again to the end': {
      const log = [...copies]
      let previousHash = event.previousHash
      for (const later of chain.slice(index)) {
        const sealed = seal({ ...(later === place ? forged : eventAt(events, later)), previousHash })
        log[later] = copyOf(sealed)
        previousHash = sealed.hash
      }
      return { key, expected: null, log }
    }
  }
}

function eventAt(events: readonly DomainEvent[], place: number): DomainEvent {
  const event = events[place]
  if (event === undefined) throw new RangeError(`no event ${place} of ${events.length}`)
  return event
}
