/**
 * The live page in Chromium: how soon something of it is to be seen, and whether it keeps its memory while 1,000 changes a
 * second go through the log. It takes twenty minutes, so it only runs when it is named.
 */
import type { CDPSession, Page } from 'playwright-core'
import { buildPage, isPageOutdated } from '../services/dashboard/build.ts'
import { openBrowser } from '../tests/browser/browser.ts'
import type { Bench } from './bench.ts'
import { writeSteadily } from './orders.ts'
import type { Result } from './result.ts'

const loads = 7
const ratePerSecond = 1_000
const minutes = 10
/** Its charts hold ten minutes: before that a page that holds nothing back grows as well. */
const fullAfterMinutes = 10

export async function measurePage(bench: Bench): Promise<readonly Result[]> {
  if (isPageOutdated()) await buildPage()
  await bench.lab.start(['auditor', 'dashboard'])
  const url = `${bench.url('dashboard')}/`
  const browser = await openBrowser()
  try {
    const paints: number[] = []
    for (let load = 0; load < loads; load += 1) {
      const page = await browser.newPage()
      await page.goto(url)
      await page.locator('.lane').first().waitFor()
      paints.push(await firstPaintMs(page))
      await page.close()
    }
    const page = await browser.newPage()
    await page.goto(url)
    const session = await page.context().newCDPSession(page)
    const heaps: number[] = []
    for (let minute = 1; minute <= fullAfterMinutes + minutes; minute += 1) {
      // The first ten fill its charts; what comes then is to be flat.
      await writeSteadily(bench.postgres, 60_000, minute <= fullAfterMinutes ? 50 : ratePerSecond)
      const heap = await usedHeapMib(session)
      bench.say(`minute ${minute} of ${fullAfterMinutes + minutes}: ${heap.toFixed(1)} MiB`)
      heaps.push(heap)
    }
    const flat = heaps.slice(fullAfterMinutes - 1)
    const growth = (flat.at(-1) ?? 0) - (flat[0] ?? 0)
    return [
      { name: 'page.first-paint', value: median(paints), unit: 'ms', target: { below: 1_000 }, loads },
      { name: 'page.heap', value: flat.at(-1) ?? 0, unit: 'MiB', target: null, ratePerSecond, minutes },
      { name: 'page.heap-growth', value: growth, unit: 'MiB', target: { below: 2 }, ratePerSecond, minutes },
    ]
  } finally {
    await browser.close()
    await bench.drained()
    await bench.lab.stop(['dashboard', 'auditor'])
  }
}

/** From the request for the page to the first text or picture on it. */
async function firstPaintMs(page: Page): Promise<number> {
  return await page.evaluate<number>(
    "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.POSITIVE_INFINITY",
  )
}

/** After a collection, so that only what is held counts. */
async function usedHeapMib(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  return usedSize / 2 ** 20
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.POSITIVE_INFINITY
}
