/**
 * `make screenshots`: takes pictures of the live page of a running stack into docs/images, light and dark. Drive some load
 * first (`make load-test LANE=dual-write`), or there is little to see.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { installChromium, LabError, openLab } from '../../infra/native/src/index.ts'
import { openBrowser, schemes } from './browser.ts'

const folder = join(import.meta.dirname, '../../docs/images')
const size = { width: 1280, height: 1_250 }

async function main(): Promise<void> {
  const { lab, layout } = await openLab()
  await installChromium(layout, new AbortController().signal)
  const { url } = lab.address('dashboard')
  await mkdir(folder, { recursive: true })
  const browser = await openBrowser()
  try {
    for (const scheme of schemes) {
      const page = await browser.newPage({ viewport: size, colorScheme: scheme })
      await page.goto(`${url}/`)
      await page.locator('.lane').first().waitFor()
      // The curves are drawn a moment after the words.
      await page.locator('.plot canvas').first().waitFor()
      await page.waitForTimeout(1_500)
      const path = join(folder, `dashboard-${scheme}.png`)
      await page.screenshot({ path })
      process.stdout.write(`${path}\n`)
      await page.close()
    }
  } finally {
    await browser.close()
  }
}

try {
  await main()
} catch (error) {
  if (!(error instanceof LabError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
