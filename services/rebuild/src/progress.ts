/** What a rebuild is doing, in one line. Pure. */
import type { Progress, Rebuilt } from './rebuild.ts'

const barWidth = 24

export function renderProgress(progress: Progress): string {
  switch (progress.step) {
    case 'preparing':
      return 'makes a fresh generation'
    case 'filling':
      return renderFilling(progress)
    case 'switching':
      return 'holds the writers, passes the watermark, switches'
    case 'leaving':
      return `switched; ${progress.generation} goes when its readers have gone`
  }
}

function renderFilling({ position, end, keys, elapsedMs, waitingFor }: Extract<Progress, { step: 'filling' }>): string {
  const fraction = end === 0 ? 1 : position / end
  const full = Math.round(fraction * barWidth)
  const bar = '█'.repeat(full) + '░'.repeat(barWidth - full)
  const perSecond = elapsedMs > 0 ? Math.round((keys / elapsedMs) * 1_000) : 0
  // At the pace so far.
  const remainingS = position > 0 ? Math.ceil(((end - position) / position) * (elapsedMs / 1_000)) : undefined
  return [
    `${bar} ${position} of ${end} offsets`,
    `${perSecond} keys/s`,
    ...(remainingS === undefined ? [] : [`${remainingS} s to go`]),
    ...(waitingFor === undefined ? [] : [`waits: ${waitingFor}`]),
  ].join(', ')
}

export function renderRebuilt({ from, to, kept, keys, fillMs, keysPerSecond, heldMs, poison }: Rebuilt): string {
  return [
    `${from} -> ${to}`,
    `${keys} keys in ${(fillMs / 1_000).toFixed(1)} s (${Math.round(keysPerSecond)} keys/s)`,
    `writers held for ${Math.round(heldMs)} ms`,
    ...(poison === 0 ? [] : [`${poison} poison records left out, which the dead letters have`]),
    ...(kept ? ['the old generation is kept until the next rebuild'] : []),
  ].join(', ')
}
