/** What a run writes down: each action with who did it and why, what the events say of it, and how the row changed. */
import { z } from 'zod'

export { entriesOf } from '../runner/entries.ts'

/** What one would ask of an order later, and who it may have been. */
export const causesOf = {
  'Who cancelled it?': ['customer', 'support', 'payment-system'],
  'Why is the item gone?': ['customer', 'warehouse'],
  'Who changed the name?': ['customer', 'support'],
} as const
export type Question = keyof typeof causesOf
export const questions = ['Who cancelled it?', 'Why is the item gone?', 'Who changed the name?'] as const
export type Cause = (typeof causesOf)[Question][number]

/** How often those who do something do it in the way that they alone have; else as anybody might. */
export const habits = [0, 0.5, 0.8] as const

/** What can be seen of a change in the row before and after it. */
export const features = ['statusBefore', 'changesBefore', 'itemsBefore', 'note', 'sku', 'nameDistance'] as const
export type Feature = (typeof features)[number]
const featuresSchema = z.record(z.enum(features), z.string())

export const entrySchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('action'),
    /** The order, by its number in the plan. */
    order: z.int().nonnegative(),
    habit: z.number(),
    question: z.enum(questions),
    cause: z.string(),
    reason: z.string(),
    /** Null: there is no such event. */
    event: z.object({ type: z.string(), actor: z.string(), reason: z.string().nullable() }).nullable(),
    /** Null: the row did not change in that way. */
    change: featuresSchema.nullable(),
  }),
  /** Digests of the order in the end, without what differs from lane to lane anyway. */
  z.object({ kind: z.literal('order'), order: z.int().nonnegative(), row: z.string(), folded: z.string() }),
])
export type Entry = z.output<typeof entrySchema>
export type EntryOf<Kind extends Entry['kind']> = Extract<Entry, { readonly kind: Kind }>
