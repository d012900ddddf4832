/**
 * The plan of a load: what client number `i` asks of the orders service. Pure and deterministic, so every lane gets
 * the very same requests in the same order, on k6 and in Node alike.
 *
 * Invariant: operation `i` depends on the seed and on `i` alone, never on an answer, on the time or on another
 * operation. It does no I/O and holds no state; ids are given by the service, so orders are named by their place in the
 * population (0, 1, 2, …) until the script turns a place into an id.
 *
 * Which orders are busy. A window holds `windowSize` orders; every `operationsPerArrival` operations a new order comes
 * in and the oldest leaves for good, so the last state of an order stays as its traffic left it. Inside the window an
 * order has the rank of its slot for as long as it stays, and rank `r` is picked with a weight of `r ** -zipfExponent`:
 * a few busy orders, a long tail of quiet ones. README.md says where each part of the mix is met in real traffic.
 */

export const windowSize = 400
export const operationsPerArrival = 5
export const zipfExponent = 0.8

/** The most orders that a run creates before it starts; a longer plan comes back to its first orders. */
export const populationSizeMax = 10_000

/** How often each kind of operation comes up, in percent. */
export const mix = { create: 10, note: 40, advance: 26, cancel: 4, delete: 4, pair: 16 } as const
export type OperationKind = keyof typeof mix

/** Who the two clients of a pair are, in percent of the pairs. The second change is sent at the same moment. */
export const pairMix = {
  'note-and-note': 30,
  'note-and-advance': 40,
  'note-and-cancel': 15,
  'note-and-delete': 15,
} as const
type PairKind = keyof typeof pairMix

/** What follows a creation, in percent of the creations; `payment-and-note` are two clients at the same moment. */
export const followUpMix = { nothing: 50, payment: 35, 'payment-and-note': 15 } as const
type FollowUpKind = keyof typeof followUpMix

export interface NewOrder {
  readonly customerId: string
  readonly customerName: string
  readonly items: readonly {
    readonly sku: string
    readonly description: string
    readonly quantity: number
    readonly unitPriceCents: number
  }[]
  readonly note: string
  readonly currency: string
}

export type Change =
  | { readonly kind: 'note'; readonly note: string }
  | { readonly kind: 'advance'; readonly status: 'paid' | 'shipped' | 'delivered' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'delete' }

/** `target` is a place in the population. Two changes in one list are sent by two clients at the same moment. */
export type Operation =
  | { readonly kind: 'create'; readonly order: NewOrder; readonly followUp: readonly Change[] }
  | { readonly kind: 'single'; readonly target: number; readonly changes: readonly [Change] }
  | { readonly kind: 'pair'; readonly target: number; readonly changes: readonly [Change, Change] }

export interface Plan {
  /** How many orders exist before the load starts. */
  readonly populationSize: number
  /** The order at place `n` of the population. */
  initialOrder(n: number): NewOrder
  /** The operation of client number `i`, counted from 0. */
  operation(i: number): Operation
}

/** Requests that one operation sends, on average: a pair sends two, a creation its follow-up too. */
export const changesPerOperation =
  (100 + mix.pair + (mix.create * (followUpMix.payment + 2 * followUpMix['payment-and-note'])) / 100) / 100

export function operationCount(load: { readonly rate: number; readonly durationMs: number }): number {
  return Math.ceil((load.rate * load.durationMs) / 1_000 / changesPerOperation)
}

export function createPlan(options: { readonly seed: number; readonly operations: number }): Plan {
  const populationSize = Math.min(populationSizeMax, windowSize + Math.ceil(options.operations / operationsPerArrival))
  return {
    populationSize,
    initialOrder: (n) => newOrder(randomFrom(options.seed, stream.population, n), `order ${n}`),
    operation: (i) => plannedOperation(randomFrom(options.seed, stream.operations, i), i, populationSize),
  }
}

function plannedOperation(random: Random, i: number, populationSize: number): Operation {
  const kind = pick(random, mix)
  if (kind === 'create') {
    return { kind, order: newOrder(random, `placed by client ${i}`), followUp: followUp(random, i) }
  }

  const { place, age } = pickOrder(random, i)
  const target = place % populationSize
  switch (kind) {
    case 'note':
      return { kind: 'single', target, changes: [noteChange(random, i, 'customer')] }
    case 'advance':
      return { kind: 'single', target, changes: [advanceAt(age)] }
    case 'cancel':
    case 'delete':
      return { kind: 'single', target, changes: [{ kind }] }
    case 'pair':
      return { kind, target, changes: [noteChange(random, i, 'customer'), secondChange(random, i, age)] }
  }
}

function secondChange(random: Random, i: number, age: number): Change {
  const kind: PairKind = pick(random, pairMix)
  switch (kind) {
    case 'note-and-note':
      return noteChange(random, i, 'support')
    case 'note-and-advance':
      return advanceAt(age)
    case 'note-and-cancel':
      return { kind: 'cancel' }
    case 'note-and-delete':
      return { kind: 'delete' }
  }
}

function followUp(random: Random, i: number): readonly Change[] {
  const kind: FollowUpKind = pick(random, followUpMix)
  const payment: Change = { kind: 'advance', status: 'paid' }
  switch (kind) {
    case 'nothing':
      return []
    case 'payment':
      return [payment]
    case 'payment-and-note':
      return [payment, noteChange(random, i, 'customer')]
  }
}

/**
 * An order of the window as it stands at operation `i`: slots are filled in turn, so the slot of order `n` is
 * `n % windowSize`, and it is the slot that has the rank. `age` runs from 0 (just in) to nearly 1 (about to leave).
 */
function pickOrder(random: Random, i: number): { readonly place: number; readonly age: number } {
  const newest = windowSize - 1 + Math.floor(i / operationsPerArrival)
  const slot = slotOfRank(zipfRank(random()))
  const newestSlot = newest % windowSize
  const ordersAgo = (newestSlot - slot + windowSize) % windowSize
  return { place: newest - ordersAgo, age: ordersAgo / windowSize }
}

/** Ranks are scattered over the slots: 163 and 400 share no divisor, so each slot has exactly one rank. */
function slotOfRank(rank: number): number {
  return (rank * 163) % windowSize
}

/** For each rank, the share of picks that go to it or to a busier one; the last is 1. */
const zipfShares: readonly number[] = (() => {
  const weights = Array.from({ length: windowSize }, (_, rank) => (rank + 1) ** -zipfExponent)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let reached = 0
  return weights.map((weight) => (reached += weight / total))
})()

function zipfRank(share: number): number {
  let low = 0
  let high = windowSize - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((zipfShares[middle] ?? 1) > share) high = middle
    else low = middle + 1
  }
  return low
}

/** Where an order of this age usually goes next. When it is not there yet, the service refuses, as it should. */
function advanceAt(age: number): Change {
  if (age < 0.5) return { kind: 'advance', status: 'paid' }
  if (age < 0.8) return { kind: 'advance', status: 'shipped' }
  return { kind: 'advance', status: 'delivered' }
}

const noteTexts = {
  customer: [
    'please ring the bell twice',
    'leave it with the neighbour on the left',
    'call me before you deliver',
    'this is a present, no price on it please',
    'after six in the evening, thank you',
  ],
  support: [
    'address confirmed by phone',
    'customer asked for express delivery',
    'second parcel follows',
    'refund of the shipping costs agreed',
    'invoice sent once more',
  ],
} as const

function noteChange(random: Random, i: number, author: keyof typeof noteTexts): Change {
  return { kind: 'note', note: `${choose(random, noteTexts[author])} (${author} ${i})` }
}

const givenNames = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Tony', 'Leslie', 'Frances', 'Donald', 'Radia', 'Jim'] as const
const familyNames = [
  'Gray',
  'Meyer',
  'Okafor',
  'Tanaka',
  'Novak',
  'Silva',
  'Larsen',
  'Haddad',
  'Rossi',
  'Kaya',
] as const
const products = [
  { sku: 'kettle-17', description: 'Electric kettle, 1.7 litres', unitPriceCents: 3_490 },
  { sku: 'lamp-led', description: 'Desk lamp with a warm LED', unitPriceCents: 2_995 },
  { sku: 'chair-oak', description: 'Oak chair with a woven seat', unitPriceCents: 14_900 },
  { sku: 'notebook-a5', description: 'Notebook A5, dotted, 192 pages', unitPriceCents: 1_250 },
  { sku: 'headphones-2', description: 'Closed headphones, 2 m cable', unitPriceCents: 8_999 },
  { sku: 'mug-blue', description: 'Blue stoneware mug', unitPriceCents: 1_450 },
  { sku: 'rucksack-30', description: 'Rucksack, 30 litres, waterproof', unitPriceCents: 11_900 },
  { sku: 'cable-usb', description: 'USB-C cable, braided, 1 m', unitPriceCents: 899 },
] as const

function newOrder(random: Random, note: string): NewOrder {
  const customer = integer(random, 100_000)
  const first = integer(random, products.length)
  const itemCount = 1 + integer(random, 4)
  return {
    customerId: `customer-${customer}`,
    customerName: `${choose(random, givenNames)} ${choose(random, familyNames)}`,
    items: Array.from({ length: itemCount }, (_, item) => ({
      ...at(products, first + item),
      quantity: 1 + integer(random, 3),
    })),
    note,
    currency: 'EUR',
  }
}

/** Numbers in [0, 1), the next one at each call. */
type Random = () => number

/** Separate sequences for separate things, so that adding to one does not shift the other. */
const stream = { population: 0x9e3779b9, operations: 0x85ebca6b } as const

/** Mulberry32 (Tommy Ettinger, public domain), started from a hash of seed, stream and number. */
function randomFrom(seed: number, streamId: number, n: number): Random {
  let state = hash(hash(hash(seed) ^ streamId) ^ n)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The finaliser of MurmurHash3 (Austin Appleby, public domain): near inputs, unrelated outputs. */
function hash(value: number): number {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function integer(random: Random, below: number): number {
  return Math.floor(random() * below)
}

function choose<T>(random: Random, from: readonly T[]): T {
  return at(from, integer(random, from.length))
}

function at<T>(from: readonly T[], place: number): T {
  const found = from[place % from.length]
  if (found === undefined) throw new RangeError('cannot choose from an empty list')
  return found
}

/** Picks a key with the given percentages, which add up to 100. */
function pick<Kind extends string>(random: Random, percentages: Readonly<Record<Kind, number>>): Kind {
  const kinds = Object.keys(percentages) as Kind[]
  let left = random() * 100
  for (const kind of kinds) {
    left -= percentages[kind]
    if (left < 0) return kind
  }
  return at(kinds, kinds.length - 1)
}
