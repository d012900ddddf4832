/** What the stack costs when nobody uses it: processor time and memory of every process, over a quiet half minute. */
import type { Bench } from './bench.ts'
import type { Result } from './result.ts'

const settleMs = 15_000
const durationMs = 30_000

export async function measureIdle(bench: Bench): Promise<readonly Result[]> {
  await bench.drained()
  bench.say(`letting the stack come to rest for ${settleMs / 1_000} s`)
  await sleep(settleMs)
  bench.say(`measuring the idle stack for ${durationMs / 1_000} s`)
  const before = await bench.lab.status()
  const beganAt = performance.now()
  await sleep(durationMs)
  const after = await bench.lab.status()
  const elapsedMs = performance.now() - beganAt

  const used = new Map(before.map(({ name, processorMs }) => [name, processorMs ?? 0]))
  const parts = after
    .filter(({ kind }) => kind === 'process')
    .map(({ name, processorMs, residentBytes }) => ({
      name,
      cpuPercent: (((processorMs ?? 0) - (used.get(name) ?? 0)) / elapsedMs) * 100,
      residentMib: (residentBytes ?? 0) / 2 ** 20,
    }))
  const total = (figure: 'cpuPercent' | 'residentMib'): number => parts.reduce((sum, part) => sum + part[figure], 0)
  return [
    { name: 'idle.whole-stack', value: total('cpuPercent'), unit: '% of one core', target: { below: 25 } },
    { name: 'memory.whole-stack', value: total('residentMib'), unit: 'MiB', target: { below: 4_096 } },
    ...parts.map(({ name, cpuPercent }): Result => ({
      name: `idle.${name}`,
      value: cpuPercent,
      unit: '% of one core',
      target: null,
    })),
  ]
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
