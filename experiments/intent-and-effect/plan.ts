/**
 * What is done to orders, by whom and why: pure but for the dice. Who does something has habits that show in the row, so that
 * a rule over rows has something to go by; how often they are kept is for the caller to say.
 */
import type { OrderItem } from '@driftlab/order'
import { pick, type Dice } from '../laboratory/order-commands.ts'
import { causesOf, type Cause, type Question } from './history.ts'

export interface NewOrder {
  readonly customerId: string
  readonly customerName: string
  readonly items: readonly OrderItem[]
  readonly note: string
  readonly currency: string
}

export interface Patch {
  readonly customerName?: string
  readonly items?: readonly OrderItem[]
  readonly note?: string
  readonly status?: 'paid' | 'cancelled'
}

export interface Action {
  /** Null: nobody will ask. */
  readonly question: Question | null
  readonly cause: Cause
  readonly reason: string
  readonly patch: Patch
}

export interface Story {
  readonly habit: number
  readonly placed: NewOrder
  readonly actions: readonly Action[]
}

const shares = { itemRemoved: 0.7, nameChanged: 0.5, paid: 0.5, cancelled: 0.7 }

/** In the words of those who act; none of it is in the row. */
const reasons: Readonly<Record<Cause, string>> = {
  customer: 'changed my mind',
  support: 'entered wrongly, corrected on the phone',
  warehouse: 'out of stock',
  'payment-system': 'the card was declined',
}

/** What some write into the note of the order, which is in the row. */
const ownWords: Readonly<Record<Cause, string>> = {
  customer: 'please',
  support: 'as agreed',
  warehouse: 'sorry',
  'payment-system': '',
}
const anyWords = ['', '', 'please', 'as agreed', 'sorry']

const skus = ['tea-1', 'tea-2', 'cup', 'pot', 'scale'] as const
/** Of which the warehouse runs out most often. */
const scarce = 'scale'

export function tell(dice: Dice, habit: number): Story {
  const { random } = dice
  const items = Array.from({ length: 2 + Math.floor(random() * 3) }, () => itemOf(pick(dice, skus)))
  const name = pick(dice, ['Anna Meyer', 'Bela Nagy', 'Chloe Martin', 'Dario Rossi'])
  const keepsHabit = (): boolean => random() < habit
  const note = (cause: Cause): Patch => {
    const words = keepsHabit() ? ownWords[cause] : pick(dice, anyWords)
    return words === '' ? {} : { note: words }
  }
  const act = (question: Question, of: (cause: Cause) => Patch): Action => {
    const cause = pick<Cause>(dice, causesOf[question])
    return { question, cause, reason: reasons[cause], patch: { ...of(cause), ...note(cause) } }
  }

  const itemRemoved = act('Why is the item gone?', (cause) => {
    const found = items.findIndex(({ sku }) => (sku === scarce) === (cause === 'warehouse'))
    const line = keepsHabit() && found !== -1 ? found : Math.floor(random() * items.length)
    return { items: items.toSpliced(line, 1) }
  })
  const nameChanged = act('Who changed the name?', (cause) => {
    const isTypo = keepsHabit() ? cause === 'support' : random() < 0.5
    return { customerName: isTypo ? name.replace('a', 'aa') : `${name.split(' ')[0] ?? ''} Lindqvist` }
  })
  const paid: Action = { question: null, cause: 'customer', reason: 'paid', patch: { status: 'paid' } }
  const cancelled = act('Who cancelled it?', () => ({ status: 'cancelled' }))
  // Support is called about what was paid; a card that was declined has paid nothing.
  const isPaid =
    cancelled.cause !== 'payment-system' && random() < (keepsHabit() && cancelled.cause === 'support' ? 1 : shares.paid)
  return {
    habit,
    placed: { customerId: 'c-1', customerName: name, items, note: 'new', currency: 'EUR' },
    actions: [
      ...(random() < shares.itemRemoved ? [itemRemoved] : []),
      ...(random() < shares.nameChanged ? [nameChanged] : []),
      ...(isPaid ? [paid] : []),
      ...(random() < shares.cancelled ? [cancelled] : []),
    ],
  }
}

function itemOf(sku: string): OrderItem {
  return { sku, description: sku, quantity: 1, unitPriceCents: 900 }
}
