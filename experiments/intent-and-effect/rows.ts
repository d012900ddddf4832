/** What a reader of row changes has to go by. Pure. */
import type { OrderDocument, OrderItem } from '@driftlab/order'
import type { EntryOf, Feature, Question } from './history.ts'

export interface RowChange {
  readonly before: OrderDocument
  readonly after: OrderDocument
}

/** The change of a row that a question is about; each order has at most one. */
export function changeFor(question: Question, changes: readonly RowChange[]): RowChange | undefined {
  return changes.find(({ before, after }) => {
    switch (question) {
      case 'Who cancelled it?':
        return before.status !== 'cancelled' && after.status === 'cancelled'
      case 'Why is the item gone?':
        return after.items.length < before.items.length
      case 'Who changed the name?':
        return after.customerName !== before.customerName
    }
  })
}

export function featuresOf({ before, after }: RowChange): Readonly<Record<Feature, string>> {
  return {
    statusBefore: before.status,
    changesBefore: String(Math.min(3, before.revision)),
    itemsBefore: String(before.items.length),
    note: after.note === before.note ? '' : after.note,
    sku: removedItem(before.items, after.items)?.sku ?? '',
    nameDistance: String(Math.min(3, distance(before.customerName, after.customerName))),
  }
}

function removedItem(before: readonly OrderItem[], after: readonly OrderItem[]): OrderItem | undefined {
  return before.find((item, line) => after[line]?.sku !== item.sku)
}

/** Levenshtein's: how many letters have to be put in, left out or replaced. */
export function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [line, letter] of Array.from(from).entries()) {
    const next = [line + 1]
    for (const [column, other] of Array.from(to).entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

export type Seen = Pick<EntryOf<'action'>, 'cause' | 'change'>

export interface Rule {
  readonly looksAt: readonly Feature[]
  readonly answer: (change: Seen['change']) => string
}

/**
 * A rule that was told the right answers of `examples`: of what looks the same, it answers what was right most often. No
 * reader of rows is told so much.
 */
export function learn(looksAt: readonly Feature[], examples: readonly Seen[]): Rule {
  const looks = (change: Seen['change']): string => looksAt.map((feature) => change?.[feature] ?? '').join('|')
  const common = mostCommon(examples.map(({ cause }) => cause))
  const answers = new Map(
    [...Map.groupBy(examples, ({ change }) => looks(change))].map(([look, alike]) => [
      look,
      mostCommon(alike.map(({ cause }) => cause)),
    ]),
  )
  return { looksAt, answer: (change) => answers.get(looks(change)) ?? common }
}

export function mistakes(rule: Rule, actions: readonly Seen[]): number {
  return actions.filter(({ cause, change }) => rule.answer(change) !== cause).length
}

/** Of all choices of what to look at, the rule that does best where it is tried: an advocate's choice, made afterwards. */
export function bestRule(features: readonly Feature[], examples: readonly Seen[], actions: readonly Seen[]): Rule {
  const rules = subsets(features).map((looksAt) => learn(looksAt, examples))
  const [first, ...others] = rules
  if (first === undefined) throw new RangeError('no rule')
  return others.reduce((best, rule) => (mistakes(rule, actions) < mistakes(best, actions) ? rule : best), first)
}

function subsets<Value>(values: readonly Value[]): readonly (readonly Value[])[] {
  return values.reduce<readonly (readonly Value[])[]>(
    (some, value) => [...some, ...some.map((subset) => [...subset, value])],
    [[]],
  )
}

function mostCommon(values: readonly string[]): string {
  const counts = [...Map.groupBy(values, (value) => value)].toSorted(
    ([one, left], [other, right]) => right.length - left.length || one.localeCompare(other),
  )
  return counts[0]?.[0] ?? ''
}
