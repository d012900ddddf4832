/** What broke, told so that a verdict can say it: the source apart from everything else, each in a line of words. */

/** The source failed, so nothing more can be said of any store of the lane. */
export class SourceFailure extends Error {
  override readonly name = 'SourceFailure'
}

/** @throws {SourceFailure} instead of whatever `work` rejects with. */
export async function fromSource<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof SourceFailure) throw cause
    throw new SourceFailure(`the source could not be read: ${messageOf(cause)}`, { cause })
  }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error.message === '' ? error.name : error.message.replaceAll(/\s+/g, ' ')
}
