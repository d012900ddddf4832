/**
 * What is asked about one order: what every store holds of it, as the auditor saw it, and how it was written, as the
 * orders services remember it.
 *
 * Invariant: however many ask, each is asked once for what is not `freshMs` old, and no more than `keptMax` answers are
 * kept.
 */
import type { RecordedWrites } from '@driftlab/anatomy'
import { ordersOf, type LaneName } from './lanes.ts'
import { AnswerError, readText, type Targets } from './scrape.ts'
import { readWrites } from './writes.ts'

export type OrderAnswer =
  | { readonly state: 'known'; readonly text: string }
  | { readonly state: 'not-known' }
  | { readonly state: 'unavailable'; readonly why: string }

export interface OrderReader {
  read(lane: LaneName, key: string): Promise<OrderAnswer>
  /** Only of a lane whose service writes every store itself there are any. */
  writes(lane: LaneName, key: string): Promise<RecordedWrites>
}

const freshMs = 1_000
const keptMax = 200

export function createOrderReader(targets: Targets, { timeoutMs }: { readonly timeoutMs: number }): OrderReader {
  const ask = async (path: string): Promise<OrderAnswer> => {
    try {
      return { state: 'known', text: await readText(`${targets.auditor[0] ?? ''}${path}`, timeoutMs) }
    } catch (error) {
      if (error instanceof AnswerError && error.status === 404) return { state: 'not-known' }
      return { state: 'unavailable', why: error instanceof AnswerError ? error.message : 'it does not answer' }
    }
  }
  return {
    read: remembering((lane, key) => ask(`/divergences/${encodeURIComponent(lane)}/${encodeURIComponent(key)}`)),
    writes: remembering((lane, key) => readWrites(targets[ordersOf[lane]], key, timeoutMs)),
  }
}

type AskAboutOrder<Answer> = (lane: LaneName, key: string) => Promise<Answer>

function remembering<Answer>(ask: AskAboutOrder<Answer>): AskAboutOrder<Answer> {
  const answers = new Map<string, { readonly atMs: number; readonly answer: Promise<Answer> }>()
  return (lane, key) => {
    const name = `${lane} ${key}`
    const nowMs = performance.now()
    const known = answers.get(name)
    if (known !== undefined && nowMs - known.atMs < freshMs) return known.answer
    const answer = ask(lane, key)
    answers.delete(name)
    answers.set(name, { atMs: nowMs, answer })
    const [oldest] = answers.keys()
    if (answers.size > keptMax && oldest !== undefined) answers.delete(oldest)
    return answer
  }
}
