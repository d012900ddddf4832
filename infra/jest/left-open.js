import { setTimeout } from 'node:timers'

/**
 * Runs when the tests are over. A client that a test left open would keep Jest from ever ending, so what is still open
 * after a while (kafkajs gives up connecting after 13 s) ends the run as a failure and is named.
 */
export default function () {
  setTimeout(() => {
    console.error(`A test left something open: ${process.getActiveResourcesInfo().join(', ')}`)
    process.exit(1)
  }, 20_000).unref()
}
