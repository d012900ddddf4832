/**
 * A rebuild of the derived stores from the log, as a user runs it, while nobody writes: each store alone, then all three at
 * once. The clock is the filler's own, from its first record to the switch; its process and its place in the group come
 * before that.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { storeNames, type StoreName } from '../services/rebuild/src/generation.ts'
import type { Bench } from './bench.ts'
import { insertOrders } from './orders.ts'
import type { Result } from './result.ts'

const orders = 200_000
const root = join(import.meta.dirname, '..')

const rebuiltSchema = z.array(z.object({ store: z.enum(storeNames), keys: z.int(), fillMs: z.number().positive() }))
type Rebuilt = z.output<typeof rebuiltSchema>

export async function measureRebuild(bench: Bench): Promise<readonly Result[]> {
  await insertOrders(bench.postgres, orders, (done) => {
    if (done % 50_000 === 0) bench.say(`${done} of ${orders} orders written`)
  })
  await bench.drained()
  const results: Result[] = []
  for (const store of storeNames) {
    bench.say(`rebuilding ${store}`)
    results.push({
      ...rateOf(await rebuild(bench, store)),
      name: `rebuild.${store}-alone`,
      target: store === 'redis' ? { atLeast: 30_000 } : null,
    })
  }
  bench.say('rebuilding all three stores at once')
  return [
    { ...rateOf(await rebuild(bench, 'all')), name: 'rebuild.all-at-once', target: { atLeast: 15_000 } },
    ...results,
  ]
}

/** Of several stores: as fast as the last of them was done. */
function rateOf(rebuilt: Rebuilt): Pick<Result, 'value' | 'unit'> & { readonly keys: number } {
  const [{ keys } = { keys: 0 }] = rebuilt
  if (keys < orders) throw new Error(`Only ${keys} of ${orders} keys were rebuilt`)
  return { value: (keys * 1_000) / Math.max(...rebuilt.map(({ fillMs }) => fillMs)), unit: 'keys/s', keys }
}

async function rebuild({ opened: { settings, layout } }: Bench, store: StoreName | 'all'): Promise<Rebuilt> {
  const output = join(layout.dataDir, `rebuild-${store}.json`)
  const child = spawn(process.execPath, ['--max-semi-space-size=16', join(root, 'services/rebuild/src/main.ts')], {
    env: {
      ...process.env,
      ...settings,
      LAB_ENV_FILE: layout.envFile,
      STORE: store,
      LANE: 'cdc',
      JSON: output,
      GRACE_S: '1',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await once(child, 'close')
  if (child.exitCode !== 0) throw new Error(`The rebuild of ${store} ended with exit code ${child.exitCode ?? 'none'}`)
  return rebuiltSchema.parse(JSON.parse(await readFile(output, 'utf8')))
}
