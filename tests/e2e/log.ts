/**
 * What the tests do to the log by hand.
 *
 * In containers nobody outside reaches the log, so there this runs in a container of the services' image (see
 * log-command.ts): it may import packages, and nothing else.
 */
import { decode, formatLsn } from '@driftlab/change-event'
import { connectLog, type LogAdmin } from '@driftlab/kafka'
import { laneNames } from '@driftlab/order'

export interface TestRecord {
  readonly key: string
  readonly value: string
}

/** Of the whole log of the cdc lane. */
export interface Census {
  readonly changes: number
  /** The position in PostgreSQL's log of each change that was there already. */
  readonly repeated: readonly string[]
}

export interface TestLog {
  readonly census: () => Promise<Census>
  /** Puts records on the topic of the cdc lane that no Debezium would. */
  readonly publish: (records: readonly TestRecord[]) => Promise<void>
  /** A group without committed offsets begins at the start of the log. @throws when one still has members. */
  readonly forgetGroups: (names: readonly string[]) => Promise<void>
}

export function openTestLog(brokers: readonly string[]): TestLog {
  const { schema, topic } = laneNames('cdc')
  const log = connectLog({ brokers, clientId: 'test-log' })
  const asAdmin = async <Result>(task: (admin: LogAdmin) => Promise<Result>): Promise<Result> => {
    const admin = await log.connectAdmin()
    try {
      return await task(admin)
    } finally {
      await admin.close()
    }
  }
  return {
    census: () =>
      asAdmin(async (admin) => {
        const seen = new Set<string>()
        const repeated: string[] = []
        await admin.readAll(topic, (record) => {
          const decoded = decode(record, { format: 'debezium', table: { schema, name: 'orders' }, epoch: 0 })
          const lsn = decoded.type === 'change' ? decoded.change.source.lsn : null
          if (lsn === null) return
          const position = formatLsn(lsn)
          if (seen.has(position)) repeated.push(position)
          seen.add(position)
        })
        return { changes: seen.size + repeated.length, repeated }
      }),
    publish: async (records) => {
      const producer = await log.connectProducer()
      try {
        const bytes = records.map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) }))
        await producer.publish(topic, bytes)
      } finally {
        await producer.close()
      }
    },
    forgetGroups: (names) => asAdmin((admin) => admin.deleteGroups(names)),
  }
}
