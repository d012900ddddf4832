/** A thread of threads.ts: answers each scene that it is sent with what exploring it has found. */
import { parentPort } from 'node:worker_threads'
import { explore } from './explore.ts'
import { createScene, type SceneOptions } from './scenes.ts'

/** More steps than any run has; a run that goes on for ever is a mistake in the world. */
const stepsMax = 120

/** Whoever wants it to stop ends the thread. */
const { signal } = new AbortController()

parentPort?.on('message', (scene: SceneOptions) => {
  // What it throws ends this thread, and the other side hears of it as an error.
  void explore(() => createScene(scene), { stepsMax, signal }).then((found) => parentPort?.postMessage(found))
})
