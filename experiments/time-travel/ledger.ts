/**
 * What a client has written down: what it asked for, put into effect when it was told that it was accepted.
 *
 * Invariant: it uses nothing of the code that decides and folds, so that an error there cannot hide here. Only what other
 * commands have led to (a release) it takes as it is told.
 */
import type { Command, Outcome } from '@driftlab/order-events'

/** An order or a stock as the client sees it; plain data. */
export type Page = Readonly<Record<string, unknown>>

export interface Told {
  readonly partition: number
  readonly outcome: Outcome
}

export interface Ledger {
  /** Each key of the partition as of the outcome of the command at this offset. */
  asOf(partition: number, commandOffset: number): ReadonlyMap<string, Page>
  /** Where a command was decided under a key; undefined when it was not. */
  decidedAt(key: string, commandId: string): number | undefined
}

/** `told`: in the order of each partition. */
export function keepLedger(sent: readonly Command[], told: readonly Told[]): Ledger {
  const asked = new Map(sent.map((command) => [command.id, command]))
  const current = new Map<string, Page>()
  const written = new Map<number, { readonly offset: number; readonly key: string; readonly page: Page }[]>()
  const places = new Map<string, number>()
  for (const { partition, outcome } of told) {
    const { commandId, key, offset, repeated } = outcome
    if (commandId === null || key === null || repeated) continue
    places.set(`${commandId}@${key}`, offset)
    const page = turn(current.get(key) ?? {}, asked.get(commandId), outcome)
    if (page === undefined) continue
    current.set(key, page)
    const pages = written.get(partition) ?? []
    written.set(partition, pages)
    pages.push({ offset, key, page })
  }
  return {
    asOf: (partition, commandOffset) =>
      new Map(
        (written.get(partition) ?? [])
          .filter(({ offset }) => offset <= commandOffset)
          .map(({ key, page }) => [key, page]),
      ),
    decidedAt: (key, commandId) => places.get(`${commandId}@${key}`),
  }
}

/** @returns undefined when nothing has changed. */
function turn(page: Page, command: Command | undefined, { result, key }: Outcome): Page | undefined {
  if (command === undefined) {
    return result.status === 'accepted' && result.subject.kind === 'stock' ? result.subject : undefined
  }
  if (result.status === 'forwarded' && command.type === 'PlaceOrder') {
    const visit = command.visits.find(({ sku }) => key?.endsWith(`:${sku}`) === true)
    return plus(page, { reservedUnits: visit?.quantity ?? 0 })
  }
  if (result.status !== 'accepted') return undefined
  switch (command.type) {
    case 'PlaceOrder':
      return priced({ kind: 'order', status: 'placed', revision: 1, ...command.order })
    case 'ChangeOrder':
      return priced({ ...page, ...command.patch, revision: Number(page['revision']) + 1 })
    case 'RemoveOrder':
      // The state keeps it as it was when it was removed.
      return { ...page, kind: 'removed-order' }
    case 'ReceiveStock':
      return plus(page, { receivedUnits: command.quantity })
    case 'ReleaseStock':
    case 'ReadOrder':
    case 'ReadStock':
      throw new TypeError(`a client of this experiment does not send ${command.type}`)
  }
}

function plus(page: Page, units: { readonly receivedUnits?: number; readonly reservedUnits?: number }): Page {
  return {
    kind: 'stock',
    receivedUnits: Number(page['receivedUnits'] ?? 0) + (units.receivedUnits ?? 0),
    reservedUnits: Number(page['reservedUnits'] ?? 0) + (units.reservedUnits ?? 0),
  }
}

function priced(order: Page & { readonly items?: unknown }): Page {
  const items = order.items as readonly { readonly quantity: number; readonly unitPriceCents: number }[]
  return { ...order, totalCents: items.reduce((sum, item) => sum + item.quantity * item.unitPriceCents, 0) }
}
