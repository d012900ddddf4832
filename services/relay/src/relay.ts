/**
 * Carries a table's rows to a topic, for as long as it runs.
 *
 * Invariant: a row is published at least once, and each order's rows in their order, provided that the reader gives them
 * so. A relay works in sessions. A session holds a lock in the database, so that no two relays of one topic interleave,
 * and a producer under the topic's own transactional id, so that one that was cut off and does not know it yet cannot
 * publish after its successor. Whatever fails ends the session; the next one takes up what is not yet forgotten.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Log, LogProducer } from '@driftlab/kafka'
import type { Logger } from '@driftlab/service'
import type { Postgres, PostgresClient } from '@driftlab/stores'
import type { Reader, ReaderContext } from './reader.ts'

export interface RelayOptions extends Pick<ReaderContext, 'table' | 'topic' | 'batchSizeMax'> {
  readonly postgres: Postgres
  readonly log: Log
  readonly reader: Reader
  readonly pollIntervalMs: number
  readonly logger: Logger
  readonly onPublished: (rowCount: number) => void
}

/** `waiting`: another relay has the lock. `broken`: the last session failed, and another one will be tried. */
export type RelayState = 'starting' | 'waiting' | 'relaying' | 'broken'

export interface Relay {
  state(): RelayState
  /** What ended the last session, while there is no new one. */
  brokenBecause(): unknown
  /** Ends the round in flight. */
  stop(): Promise<void>
}

const sessionRetryMs = 500
const lockRetryMs = 100

export function runRelay(options: RelayOptions): Relay {
  const stopping = new AbortController()
  let state: RelayState = 'starting'
  let reason: unknown
  const enter = (next: RelayState): void => {
    state = next
  }

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await runSession(options, stopping.signal, enter)
      } catch (error) {
        reason = error
        enter('broken')
        options.logger.warn({ err: error }, 'the session ended; what it had not finished comes again')
        await rest(sessionRetryMs, stopping.signal)
      }
    }
  }
  const running = run()

  return {
    state: () => state,
    brokenBecause: () => (state === 'broken' ? reason : undefined),
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

/** Returns when `signal` says so. @throws whatever the database or the log fails with. */
async function runSession(
  { postgres, log, reader, table, topic, batchSizeMax, pollIntervalMs, onPublished }: RelayOptions,
  signal: AbortSignal,
  enter: (state: RelayState) => void,
): Promise<void> {
  const client = await postgres.connect()
  let producer: LogProducer | undefined
  try {
    if (!(await lock(client, topic, signal, enter))) return
    const publisher = await log.connectProducer({ transactionalId: `driftlab-relay-${topic}` })
    producer = publisher
    const round = await reader({
      client,
      table,
      topic,
      batchSizeMax,
      publish: async (rows) => {
        await publisher.publish(
          topic,
          rows.map(({ id, key, value }) => ({ key, value, headers: { id } })),
        )
        onPublished(rows.length)
      },
    })
    enter('relaying')
    while (!signal.aborted) {
      if ((await round()) < batchSizeMax) await rest(pollIntervalMs, signal)
    }
  } finally {
    await producer?.close()
    // Closed, not returned: the lock belongs to the connection.
    client.release(true)
  }
}

/** @returns whether it has the lock; not when `signal` came first. */
async function lock(
  client: PostgresClient,
  topic: string,
  signal: AbortSignal,
  enter: (state: RelayState) => void,
): Promise<boolean> {
  while (!signal.aborted) {
    const { rows } = await client.query<{ locked: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
      [`relay to ${topic}`],
    )
    if (rows[0]?.locked === true) return true
    enter('waiting')
    await rest(lockRetryMs, signal)
  }
  return false
}

/** Until the time is over or `signal` comes. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
