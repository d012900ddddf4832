/** Chromium, without a window, on a page of ours; and what a browser complains about, which a person would not see. */
import { chromium, type Browser, type Page } from 'playwright-core'
import { findChromium } from '../../infra/native/src/index.ts'

export async function openBrowser(): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new Error('Chromium is not installed: apt-get install chromium')
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}

export interface Complaints {
  /** Errors and warnings of the console, exceptions, and requests that failed. */
  readonly said: readonly string[]
  /** Addresses that were asked for on another server than the page's. */
  readonly elsewhere: readonly string[]
}

export function listenTo(page: Page, origin: string): Complaints {
  const said: string[] = []
  const elsewhere: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') said.push(message.text())
  })
  page.on('pageerror', (error) => said.push(error.message))
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) elsewhere.push(request.url())
  })
  return { said, elsewhere }
}

export const screens = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } } as const
export const schemes = ['light', 'dark'] as const
