/** Cuts a log in two and folds it in two steps; pure but for the dice. */
import { digestOfStates } from '../laboratory/digest.ts'
import type { EntryOf, LogName } from './history.ts'

/** One way of folding: `start` goes on from the states of an earlier fold. */
export interface Folding<Item, State> {
  readonly log: LogName
  readonly start: (from?: Iterable<readonly [string, State]>) => {
    add(item: Item): unknown
    readonly states: ReadonlyMap<string, State>
  }
}

export interface Placed<Item> {
  readonly partition: number
  readonly item: Item
}

/**
 * `count` cuts of each partition alone, and as many of all of them, each partition at a place of its own; the first two are
 * before everything and behind everything.
 */
export function cutsOf<Item, State>(
  folding: Folding<Item, State>,
  all: readonly Placed<Item>[],
  { count, random }: { readonly count: number; readonly random: () => number },
): readonly EntryOf<'cut'>[] {
  const partitions = [...new Set(all.map(({ partition }) => partition))].toSorted((one, other) => one - other)
  const placesOf = (length: number): readonly number[] => [
    ...[0, length],
    ...Array.from({ length: count - 2 }, () => Math.floor(random() * (length + 1))),
  ]
  const alone = partitions.flatMap((partition) => {
    const own = all.filter((placed) => placed.partition === partition)
    const whole = foldOf(folding, own)
    return placesOf(own.length).map((place) => cut(folding, partition, [own.slice(0, place), own.slice(place)], whole))
  })
  const whole = foldOf(folding, all)
  const places = partitions.map((partition) => placesOf(all.filter((placed) => placed.partition === partition).length))
  const together = Array.from({ length: count }, (_, turn) => {
    const left = new Map(partitions.map((partition, index) => [partition, places[index]?.[turn] ?? 0]))
    const isBefore = all.map(({ partition }) => {
      const more = left.get(partition) ?? 0
      left.set(partition, more - 1)
      return more > 0
    })
    const halves = [true, false].map((side) => all.filter((_item, index) => isBefore[index] === side))
    return cut(folding, null, [halves[0] ?? [], halves[1] ?? []], whole)
  })
  return [...alone, ...together]
}

function foldOf<Item, State>(
  { start }: Folding<Item, State>,
  placed: readonly Placed<Item>[],
  from?: Iterable<readonly [string, State]>,
): ReadonlyMap<string, State> {
  const fold = start(from)
  for (const { item } of placed) fold.add(item)
  return fold.states
}

function cut<Item, State>(
  folding: Folding<Item, State>,
  partition: number | null,
  [prefix, rest]: readonly [readonly Placed<Item>[], readonly Placed<Item>[]],
  whole: ReadonlyMap<string, State>,
): EntryOf<'cut'> {
  // As a snapshot that a process leaves behind: nothing may live on but what is written down.
  const snapshot = JSON.stringify([...foldOf(folding, prefix)])
  const resumed = foldOf(folding, rest, JSON.parse(snapshot) as [string, State][])
  return {
    ...{ kind: 'cut', log: folding.log, partition, before: prefix.length, after: rest.length },
    ...{ resumed: digestOfStates(resumed), whole: digestOfStates(whole) },
  }
}
