/**
 * Builds the page into `dist/`, which git ignores: `node services/dashboard/build.ts`. `make up` does it when a source is
 * newer than what was built, the image when it is made.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const folder = import.meta.dirname
const built = join(folder, 'dist/index.html')
/** What goes into the page; `src` because the page shares its types and pure functions. */
const sources = ['page', 'src', 'build.ts', 'package.json', '../../packages/anatomy/src']

export function isPageOutdated(): boolean {
  const builtMs = modifiedMs(built)
  return builtMs === undefined || sources.some((source) => newestMs(join(folder, source)) > builtMs)
}

export async function buildPage(): Promise<void> {
  // Only here: who merely wants to know whether the page is outdated needs none of it.
  const { build } = await import('vite')
  await build({
    root: join(folder, 'page'),
    base: './',
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: join(folder, 'dist'),
      emptyOutDir: true,
      target: 'es2023',
      // Nothing inline: the page's own policy would refuse it.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  })
}

function newestMs(path: string): number {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))))
}

function modifiedMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs
}

if (import.meta.main) await buildPage()
