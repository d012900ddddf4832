/**
 * `make screenshots`: takes pictures of the live page of a running stack into docs/images, light and dark. Drive some load
 * on both lanes first, from the page itself, or there is little to see; and of a race, where one is on the list.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { installChromium, LabError, openLab } from '../../infra/native/src/index.ts'
import { openBrowser, schemes } from './browser.ts'

const folder = join(import.meta.dirname, '../../docs/images')
const patienceMs = 3_000
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
      if (await showRace(page)) {
        const ofRace = join(folder, `anatomy-${scheme}.png`)
        await page.locator('.anatomy').screenshot({ path: ofRace })
        process.stdout.write(`${ofRace}\n`)
      }
      await page.close()
    }
  } finally {
    await browser.close()
  }
}

/** Opens an order that was overtaken. @returns whether one of those on the list was. */
async function showRace(page: Page): Promise<boolean> {
  const rows = page.locator('button.order')
  for (const text of await rows.allInnerTexts()) {
    const row = rows.filter({ hasText: text }).first()
    const shown = page.locator('.anatomy li').first()
    // The list moves: an order may be gone from it, or be kept without evidence.
    const opened = await row
      .click({ timeout: patienceMs })
      .then(() => shown.waitFor({ timeout: patienceMs }))
      .then(
        () => true,
        () => false,
      )
    if (opened && (await page.locator('.anatomy [data-cause="overtaken"]').first().isVisible())) return true
  }
  return false
}

try {
  await main()
} catch (error) {
  if (!(error instanceof LabError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
