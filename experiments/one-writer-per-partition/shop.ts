/** Somebody who sells limited goods, whichever way they are kept. */

export interface Answer {
  /** `open`: no answer in time. */
  readonly outcome: 'sold' | 'refused' | 'open'
  /** How often it was tried again before that. */
  readonly retries: number
}

export interface Shop {
  /** Stocks that nobody has heard of, with so many units each. */
  receive(skus: readonly string[], unitsEach: number): Promise<void>
  /** An order of one unit. */
  buy(sku: string): Promise<Answer>
  /** Units that orders have, counted in the system of record. Asked when nothing is on its way. */
  recorded(skus: readonly string[]): Promise<ReadonlyMap<string, number>>
}
