/** How the newest writes of one order reached the stores, asked of every instance of its orders service. */
import { readRecorded, type RecordedWrites } from '@driftlab/anatomy/recorded'
import { instancesOf, readText } from './scrape.ts'

export async function readWrites(urls: readonly string[], key: string, timeoutMs: number): Promise<RecordedWrites> {
  const expanded = await Promise.all(urls.map((url) => instancesOf(url).catch(() => [url])))
  return await readRecorded(expanded.flat(), key, async (url) => JSON.parse(await readText(url, timeoutMs)) as unknown)
}
