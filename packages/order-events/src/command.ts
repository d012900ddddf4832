/**
 * Commands: what somebody asks for, which may still be refused. A command says who asks, when and why, so that deciding
 * it needs no clock and no question to anybody; the same id means the same command, however often it arrives.
 *
 * An order of limited goods travels: `visits` names the stocks that it has yet to reserve from, `reserved` what it has by
 * now. Its record lies under the key of its next stop, and last under the order's own.
 */
import { orderItemSchema, orderStatuses } from '@driftlab/order'
import { z } from 'zod'
import { skuOfKey, stockKey } from './keys.ts'
import { parseJson, Unreadable } from './unreadable.ts'

export const commandVersion = 1

const reservationSchema = z.strictObject({ sku: z.string(), quantity: z.int().positive() })
export type Reservation = z.output<typeof reservationSchema>

const envelope = {
  version: z.literal(commandVersion),
  id: z.uuid(),
  /** Who asks: a customer, support, the system itself. */
  actor: z.string(),
  /** In the actor's own words; null when none were given. */
  reason: z.string().nullable(),
  issuedAt: z.iso.datetime(),
}

/** Revisions of which the order must be at one; absent when any will do. */
const revisions = z.array(z.int()).optional()

export const commandSchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...envelope,
    type: z.literal('PlaceOrder'),
    orderId: z.uuid(),
    order: z.strictObject({
      customerId: z.string(),
      customerName: z.string(),
      items: z.array(orderItemSchema).min(1),
      note: z.string(),
      currency: z.string(),
    }),
    /** Of the request's body, where its id stands for an idempotency key. */
    fingerprint: z.string().nullable(),
    visits: z.array(reservationSchema),
    reserved: z.array(reservationSchema),
    /** It has been here before: it goes the same way again for its answer, and reserves nothing. */
    repeated: z.boolean(),
  }),
  z.strictObject({
    ...envelope,
    type: z.literal('ChangeOrder'),
    orderId: z.uuid(),
    patch: z.strictObject({
      customerName: z.string().optional(),
      items: z.array(orderItemSchema).min(1).optional(),
      note: z.string().optional(),
      status: z.enum(orderStatuses).optional(),
    }),
    revisions,
  }),
  z.strictObject({ ...envelope, type: z.literal('RemoveOrder'), orderId: z.uuid(), revisions }),
  /** A question: it changes nothing, and its answer is as of its place in the log. */
  z.strictObject({ ...envelope, type: z.literal('ReadOrder'), orderId: z.uuid() }),
  z.strictObject({ ...envelope, type: z.literal('ReceiveStock'), sku: z.string(), quantity: z.int().positive() }),
  /** Units that an order had reserved, and does not need after all. */
  z.strictObject({
    ...envelope,
    type: z.literal('ReleaseStock'),
    sku: z.string(),
    orderId: z.uuid(),
    quantity: z.int().positive(),
  }),
  z.strictObject({ ...envelope, type: z.literal('ReadStock'), sku: z.string() }),
])
export type Command = z.output<typeof commandSchema>
export type CommandOf<Type extends Command['type']> = Extract<Command, { type: Type }>
export type PlaceOrder = CommandOf<'PlaceOrder'>

/** The key of the command's record: where it is decided next. */
export function commandKey(command: Command): string {
  switch (command.type) {
    case 'PlaceOrder': {
      const [next] = command.visits
      return next === undefined ? command.orderId : stockKey(next.sku)
    }
    case 'ChangeOrder':
    case 'RemoveOrder':
    case 'ReadOrder':
      return command.orderId
    case 'ReceiveStock':
    case 'ReleaseStock':
    case 'ReadStock':
      return stockKey(command.sku)
  }
}

/** Questions leave no event, and nobody need remember that they were asked. */
export function isQuestion(command: Command): boolean {
  return command.type === 'ReadOrder' || command.type === 'ReadStock'
}

export function encodeCommand(command: Command): { readonly key: string; readonly value: string } {
  return { key: commandKey(command), value: JSON.stringify(command) }
}

/** Whatever a later version may leave out, its number says so. */
const versionedSchema = z.looseObject({ version: z.unknown().optional(), type: z.unknown().optional() })

/** @throws {Unreadable} naming what is wrong: no command of a kind and version that this code knows, or the wrong key. */
export function decodeCommand(key: Buffer | null, value: Buffer | null): Command {
  const content = versionedSchema.safeParse(parseJson(value))
  if (!content.success) throw new Unreadable('malformed', 'The command is no JSON object')
  const { version, type } = content.data
  if (version !== commandVersion) {
    throw new Unreadable('version-unknown', `The command's version is ${String(version)}, not ${commandVersion}`)
  }
  if (!commandSchema.options.some((option) => option.shape.type.value === type)) {
    throw new Unreadable('type-unknown', `There is no command ${String(type)}`)
  }
  const parsed = commandSchema.safeParse(content.data)
  if (!parsed.success) throw new Unreadable('malformed', z.prettifyError(parsed.error))
  const expected = commandKey(parsed.data)
  if (key?.toString('utf8') !== expected) {
    throw new Unreadable('key-mismatch', `The command's key is not ${skuOfKey(expected) ?? 'the id of its order'}`)
  }
  return parsed.data
}
