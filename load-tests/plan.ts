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
 * a few busy orders, a long tail of quiet ones.
 *
 * What happens to an order. Its status follows a schedule by its age in the window: each is paid once, half are
 * shipped, half of those delivered. Notes go to the busy ones, cancellations to those not yet shipped, deletions to the
 * oldest. README.md says where each part is met in real traffic.
 */

export const windowSize = 400
export const operationsPerArrival = 5
export const zipfExponent = 0.8

/** The most orders that a run creates before it starts; a longer plan comes back to its first orders. */
export const populationSizeMax = 10_000

/** At which age (0 just in, 1 about to leave) an order's status is due to move, and how many orders get that far. */
export const schedule = [
  { status: 'paid', age: 0.05, percent: 100 },
  { status: 'shipped', age: 0.4, percent: 50 },
  { status: 'delivered', age: 0.8, percent: 25 },
] as const

/** How often a note arrives at the very moment when the status moves, in percent. */
export const noteWithMovePercent = 12

/** What the operations that are not due to the schedule do, in percent. Those named for two things are pairs. */
export const mix = {
  create: 15,
  note: 69,
  'two-notes': 7,
  cancel: 4,
  'cancel-and-note': 1,
  delete: 3,
  'delete-and-note': 1,
} as const
type Kind = keyof typeof mix

/** What follows a creation, in percent of the creations; `payment-and-note` are two clients at the same moment. */
export const followUpMix = { nothing: 50, payment: 40, 'payment-and-note': 10 } as const
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
export const changesPerOperation = (() => {
  const scheduled = schedule.reduce((sum, { percent }) => sum + percent / 100, 0) / operationsPerArrival
  const pairPercent = mix['two-notes'] + mix['cancel-and-note'] + mix['delete-and-note']
  const followUps = (followUpMix.payment + 2 * followUpMix['payment-and-note']) / 100
  const more = scheduled * noteWithMovePercent + (1 - scheduled) * (pairPercent + mix.create * followUps)
  return 1 + more / 100
})()

export function operationCount(load: { readonly rate: number; readonly durationMs: number }): number {
  return Math.ceil((load.rate * load.durationMs) / 1_000 / changesPerOperation)
}

export function createPlan(options: { readonly seed: number; readonly operations: number }): Plan {
  const populationSize = Math.min(populationSizeMax, windowSize + Math.ceil(options.operations / operationsPerArrival))
  return {
    populationSize,
    initialOrder: (n) => newOrder(randomFrom(options.seed, stream.population, n), `order ${n}`),
    operation: (i) => plannedOperation(randomFrom(options.seed, stream.operations, i), options.seed, i, populationSize),
  }
}

function plannedOperation(random: Random, seed: number, i: number, populationSize: number): Operation {
  const due = dueMove(seed, i)
  if (due !== undefined) {
    const target = due.place % populationSize
    return random() * 100 < noteWithMovePercent
      ? { kind: 'pair', target, changes: [due.change, noteChange(random, i, 'customer')] }
      : { kind: 'single', target, changes: [due.change] }
  }

  const kind: Kind = pick(random, mix)
  const single = (place: number, change: Change): Operation => ({
    kind: 'single',
    target: place % populationSize,
    changes: [change],
  })
  const pair = (place: number, change: Change): Operation => ({
    kind: 'pair',
    target: place % populationSize,
    changes: [change, noteChange(random, i, 'customer')],
  })
  switch (kind) {
    case 'create':
      return { kind, order: newOrder(random, `placed by client ${i}`), followUp: followUp(random, i) }
    case 'note':
      return single(busyOrder(random, i), noteChange(random, i, 'customer'))
    case 'two-notes':
      return pair(busyOrder(random, i), noteChange(random, i, 'support'))
    case 'cancel':
      return single(orderAged(random, i, cancelAges), { kind: 'cancel' })
    case 'cancel-and-note':
      return pair(orderAged(random, i, cancelAges), { kind: 'cancel' })
    case 'delete':
      return single(orderAged(random, i, deleteAges), { kind: 'delete' })
    case 'delete-and-note':
      return pair(orderAged(random, i, deleteAges), { kind: 'delete' })
  }
}

/**
 * The move that the schedule has for operation `i`. The first operations after an arrival are kept for the schedule,
 * one for each of its steps; each moves the order that has just reached that age, if that order gets so far.
 */
function dueMove(seed: number, i: number): { readonly place: number; readonly change: Change } | undefined {
  const step = schedule[i % operationsPerArrival]
  if (step === undefined) return undefined
  const place = newestPlace(i) - Math.floor(step.age * windowSize)
  // Orders that were past their payment when the load began never get one, so nothing may follow.
  const firstPaid = newestPlace(0) - Math.floor(schedule[0].age * windowSize)
  const fate = randomFrom(seed, stream.fates, place)() * 100
  if (place < firstPaid || fate >= step.percent) return undefined
  return { place, change: { kind: 'advance', status: step.status } }
}

function newestPlace(i: number): number {
  return windowSize - 1 + Math.floor(i / operationsPerArrival)
}

interface Ages {
  readonly from: number
  readonly to: number
}
const cancelAges: Ages = { from: 0, to: schedule[1].age }
const deleteAges: Ages = { from: 0.9, to: 1 }

function orderAged(random: Random, i: number, { from, to }: Ages): number {
  return newestPlace(i) - Math.floor((from + random() * (to - from)) * windowSize)
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
 * A place of the window, the busier the likelier. Slots are filled in turn, so the slot of order `n` is
 * `n % windowSize`, and it is the slot that has the rank.
 */
function busyOrder(random: Random, i: number): number {
  const newest = newestPlace(i)
  const slot = slotOfRank(zipfRank(random()))
  return newest - ((((newest - slot) % windowSize) + windowSize) % windowSize)
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
const stream = { population: 0x9e3779b9, operations: 0x85ebca6b, fates: 0xc2b2ae35 } as const

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
