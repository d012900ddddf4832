/**
 * What every store holds of one order that differs, as the auditor saw it.
 *
 * Invariant: however many ask, the auditor is asked once for what is not `freshMs` old, and no more than `keptMax`
 * answers are kept.
 */
import { AnswerError, readText } from './scrape.ts'

export type OrderAnswer =
  | { readonly state: 'known'; readonly text: string }
  | { readonly state: 'not-known' }
  | { readonly state: 'unavailable'; readonly why: string }

export interface OrderReader {
  read(lane: string, key: string): Promise<OrderAnswer>
}

const freshMs = 1_000
const keptMax = 200

export function createOrderReader(auditorUrl: string, options: { readonly timeoutMs: number }): OrderReader {
  const answers = new Map<string, { readonly atMs: number; readonly answer: Promise<OrderAnswer> }>()
  const ask = async (path: string): Promise<OrderAnswer> => {
    try {
      return { state: 'known', text: await readText(`${auditorUrl}${path}`, options.timeoutMs) }
    } catch (error) {
      if (error instanceof AnswerError && error.status === 404) return { state: 'not-known' }
      return { state: 'unavailable', why: error instanceof AnswerError ? error.message : 'it does not answer' }
    }
  }
  return {
    read: (lane, key) => {
      const path = `/divergences/${encodeURIComponent(lane)}/${encodeURIComponent(key)}`
      const nowMs = performance.now()
      const known = answers.get(path)
      if (known !== undefined && nowMs - known.atMs < freshMs) return known.answer
      const answer = ask(path)
      answers.delete(path)
      answers.set(path, { atMs: nowMs, answer })
      const [oldest] = answers.keys()
      if (answers.size > keptMax && oldest !== undefined) answers.delete(oldest)
      return answer
    },
  }
}
