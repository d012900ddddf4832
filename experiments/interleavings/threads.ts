/** Explores scenes side by side, one on each core: it is all computation, and no scene knows of another. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Exploration } from './explore.ts'
import type { SceneOptions } from './scenes.ts'

export interface Explored extends SceneOptions, Exploration {}

export interface ExploreAllOptions {
  readonly signal: AbortSignal
  readonly onScene: (scene: SceneOptions) => void
}

/** @returns what was found, in the order of `scenes`. @throws what exploring one throws, or when `signal` fires. */
export async function exploreAll(
  scenes: readonly SceneOptions[],
  { signal, onScene }: ExploreAllOptions,
): Promise<readonly Explored[]> {
  const found: Explored[] = []
  const waiting = scenes.entries()
  const threads = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL('thread.ts', import.meta.url)),
  )
  try {
    await Promise.all(
      threads.map(async (thread) => {
        // All of them take from the same iterator, each the next one when it is free.
        for (const [at, scene] of waiting) {
          onScene(scene)
          found[at] = { ...scene, ...(await exploreOn(thread, scene, signal)) }
        }
      }),
    )
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
  return found
}

async function exploreOn(thread: Worker, scene: SceneOptions, signal: AbortSignal): Promise<Exploration> {
  const { promise, resolve, reject } = Promise.withResolvers<Exploration>()
  const abort = (): void => {
    reject(signal.reason as Error)
  }
  thread.once('message', resolve).once('error', reject)
  signal.addEventListener('abort', abort)
  try {
    signal.throwIfAborted()
    thread.postMessage(scene)
    return await promise
  } finally {
    thread.off('message', resolve).off('error', reject)
    signal.removeEventListener('abort', abort)
  }
}
