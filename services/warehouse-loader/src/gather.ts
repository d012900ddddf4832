/**
 * Joins calls that come close together into one.
 *
 * Every insert makes a part that ClickHouse must merge later, so the batches of several partitions, which arrive within
 * a few milliseconds of each other, are better one insert than four. At most one call runs at a time; those that come
 * meanwhile wait for the next.
 */
export function gather<Item, Result>(
  run: (items: readonly Item[]) => Promise<Result>,
  { windowMs }: { readonly windowMs: number },
): (items: readonly Item[]) => Promise<Result> {
  let waiting: { readonly items: Item[]; readonly result: Promise<Result> } | undefined
  let running: Promise<unknown> = Promise.resolve()

  return (items) => {
    if (waiting !== undefined) {
      waiting.items.push(...items)
      return waiting.result
    }
    const gathered = [...items]
    const window = new Promise((resolve) => setTimeout(resolve, windowMs))
    const result = Promise.all([running, window]).then(() => {
      waiting = undefined
      return run(gathered)
    })
    waiting = { items: gathered, result }
    running = result.catch(() => undefined)
    return result
  }
}
