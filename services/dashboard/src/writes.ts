/** How the newest writes of one order reached the stores, asked of every instance of its orders service. */
import { mergeRecorded, recordedAnswerSchema, type RecordedWrites } from '@driftlab/anatomy/recorded'
import { instancesOf, readText } from './scrape.ts'

export async function readWrites(urls: readonly string[], key: string, timeoutMs: number): Promise<RecordedWrites> {
  const expanded = await Promise.all(urls.map((url) => instancesOf(url).catch(() => [url])))
  const answers = await Promise.all(
    expanded.flat().map(async (url) => {
      try {
        const text = await readText(`${url}/orders/${encodeURIComponent(key)}/writes`, timeoutMs)
        return recordedAnswerSchema.parse(JSON.parse(text))
      } catch {
        // It is counted as silent, which the page says.
        return undefined
      }
    }),
  )
  return mergeRecorded(answers)
}
