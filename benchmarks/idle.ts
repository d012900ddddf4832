/** What the stack costs when nobody uses it: processor time and memory of every process, over a quiet half minute. */
import { measureProcessor, type Bench } from './bench.ts'
import type { Result } from './result.ts'

const settleMs = 15_000
const durationMs = 30_000

export async function measureIdle(bench: Bench): Promise<readonly Result[]> {
  await bench.drained()
  bench.say(`letting the stack come to rest for ${settleMs / 1_000} s`)
  await sleep(settleMs)
  bench.say(`measuring the idle stack for ${durationMs / 1_000} s`)
  const usedSince = await measureProcessor(bench.lab)
  const beganAt = performance.now()
  await sleep(durationMs)
  const usedMs = [...(await usedSince())]
  const elapsedMs = performance.now() - beganAt
  const cpuPercent = (ms: number): number => (ms / elapsedMs) * 100
  const residentBytes = (await bench.lab.status()).map((part) => part.residentBytes ?? 0)

  return [
    {
      name: 'idle.whole-stack',
      value: cpuPercent(sum(usedMs.map(([, ms]) => ms))),
      unit: '% of one core',
      target: { below: 25 },
    },
    { name: 'memory.whole-stack', value: sum(residentBytes) / 2 ** 20, unit: 'MiB', target: { below: 4_096 } },
    ...usedMs.map(([name, ms]): Result => ({
      name: `idle.${name}`,
      value: cpuPercent(ms),
      unit: '% of one core',
      target: null,
    })),
  ]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
