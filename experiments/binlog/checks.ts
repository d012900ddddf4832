/** What a history of this experiment says of the claim; pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Check, Finding, Report } from '../runner/experiment.ts'
import { derivedStores, type DerivedStoreName } from '../../services/orders/src/derived-stores/derived-store.ts'
import { entriesOf, type Entry, type EntryOf, type Held, type Moment } from './history.ts'

type Orders = ReadonlyMap<string, Held>
type DatabaseName = EntryOf<'truth'>['database']

interface Difference {
  readonly store: string
  readonly key: string
  readonly kind: 'missing' | 'extra' | 'different'
  readonly fields: readonly string[]
}

const evidenceMax = 20
/** Each database sets these by its own clock. */
const ownTimes = ['createdAt', 'updatedAt'] as const
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

const unknown = (because: string): Finding => ({ verdict: 'unknown', because })

function truthOf(history: readonly Entry[], database: DatabaseName, moment: Moment): Orders {
  const entries = entriesOf(history, 'truth').filter((one) => one.database === database && one.moment === moment)
  return new Map(entries.map(({ key, document }) => [key, document]))
}

function copiesOf(history: readonly Entry[], database: DatabaseName, store: DerivedStoreName, moment: Moment): Orders {
  const entries = entriesOf(history, 'copy').filter(
    (one) => one.database === database && one.store === store && one.moment === moment,
  )
  return new Map(entries.map(({ key, document }) => [key, document]))
}

function differences(store: string, expected: Orders, actual: Orders): readonly Difference[] {
  return [...new Set([...expected.keys(), ...actual.keys()])].flatMap((key): readonly Difference[] => {
    const [wanted, held] = [expected.get(key), actual.get(key)]
    if (held === undefined) return [{ store, key, kind: 'missing', fields: [] }]
    if (wanted === undefined) return [{ store, key, kind: 'extra', fields: [] }]
    const names = new Set([...Object.keys(wanted), ...Object.keys(held)])
    const fields = [...names].filter((field) => !isDeepStrictEqual(wanted[field], held[field]))
    return fields.length === 0 ? [] : [{ store, key, kind: 'different', fields }]
  })
}

/** Without the times that each database sets by its own clock, if they have the form of a time. */
function withoutOwnTimes(orders: Orders): Orders {
  return new Map(
    [...orders].map(([key, document]) => [
      key,
      Object.fromEntries(
        Object.entries(document).map(([field, value]) => {
          const isOwnTime = ownTimes.some((time) => time === field) && timePattern.test(String(value))
          return [field, isOwnTime ? 'a time' : value]
        }),
      ),
    ]),
  )
}

/** Why the history cannot tell anything; undefined when it can. */
function cannotTell(history: readonly Entry[], moment: Moment, databases: readonly DatabaseName[]): string | undefined {
  for (const database of databases) {
    const settled = entriesOf(history, 'settled').find((one) => one.moment === moment && one.database === database)
    if (settled?.settled !== true)
      return `the sinks of ${database} were not waited for to the end: ${settled?.why ?? 'the run broke off'}`
    if (truthOf(history, database, moment).size === 0) return `no order was seen in ${database}`
  }
  const faults = entriesOf(history, 'fault').map(({ fault }) => fault)
  if (!faults.includes('connect-killed')) return 'Kafka Connect was never killed'
  if (!faults.includes('binlog-rotated')) return 'the binlog was never rotated'
  return undefined
}

function judge(found: readonly Difference[], holds: string, refuted: string): Finding {
  return found.length === 0
    ? { verdict: 'holds', because: holds }
    : { verdict: 'refuted', because: refuted, evidence: found.slice(0, evidenceMax) }
}

const both = ['postgresql', 'mariadb'] as const

function sameFromBoth(history: readonly Entry[]): Finding {
  const reason = cannotTell(history, 'plan', both)
  if (reason !== undefined) return unknown(reason)
  const [postgresql, mariadb] = both.map((database) => withoutOwnTimes(truthOf(history, database, 'plan')))
  if (postgresql === undefined || mariadb === undefined) return unknown('no order was seen')
  const apart = differences('the databases', postgresql, mariadb)
  if (apart.length > 0) {
    return {
      ...unknown(`the databases themselves differ in ${apart.length} orders`),
      evidence: apart.slice(0, evidenceMax),
    }
  }
  const found = derivedStores.flatMap((store) => {
    const [one, other] = both.map((database) => withoutOwnTimes(copiesOf(history, database, store, 'plan')))
    return one === undefined || other === undefined ? [] : differences(store, one, other)
  })
  return judge(
    found,
    `${postgresql.size} orders, in three stores each, are the same field by field`,
    `${found.length} copies differ between the two lanes`,
  )
}

function sameAsDatabase(history: readonly Entry[]): Finding {
  const reason = cannotTell(history, 'plan', both)
  if (reason !== undefined) return unknown(reason)
  const found = both.flatMap((database) =>
    derivedStores.flatMap((store) =>
      differences(
        `${store} of ${database}`,
        truthOf(history, database, 'plan'),
        copiesOf(history, database, store, 'plan'),
      ),
    ),
  )
  const parked = entriesOf(history, 'parked').reduce((sum, { records }) => sum + records, 0)
  if (parked > 0)
    return { verdict: 'refuted', because: `${parked} records were parked`, evidence: found.slice(0, evidenceMax) }
  return judge(
    found,
    `each of the ${both.map((database) => truthOf(history, database, 'plan').size).join(' + ')} orders, with its times, in all three stores; no record was parked`,
    `${found.length} copies are not what their own database holds`,
  )
}

const changeKinds = ['insert', 'update', 'delete'] as const

/** How many changes of each kind the topic of MariaDB's changes must hold, from what was committed. */
function expectedChanges(history: readonly Entry[]): Readonly<Record<string, number>> {
  const streamed = entriesOf(history, 'transaction').filter(
    (one) => one.database === 'mariadb' && one.seen === 'by-stream' && one.outcome === 'committed',
  )
  const kinds = streamed.flatMap((one) => one.kinds)
  return Object.fromEntries(changeKinds.map((kind) => [kind, kinds.filter((other) => other === kind).length]))
}

function onceEach(history: readonly Entry[]): Finding {
  const reason = cannotTell(history, 'plan', ['mariadb'])
  if (reason !== undefined) return unknown(reason)
  const topic = entriesOf(history, 'topic').find(({ database }) => database === 'mariadb')
  const registered = entriesOf(history, 'registered')[0]
  if (topic === undefined || registered === undefined) return unknown('nobody looked at the topic')
  const expected: Readonly<Record<string, number>> = { snapshot: registered.orders, ...expectedChanges(history) }
  if (Object.values(expected).some((count) => count === 0)) return unknown('a kind of change never happened')
  const actual: Readonly<Record<string, number>> = topic.counts
  const found = Object.keys(expected).filter((kind) => expected[kind] !== actual[kind])
  const render = (counts: Readonly<Record<string, number>>): string =>
    Object.keys(expected)
      .map((kind) => `${counts[kind] ?? 0} ${kind}`)
      .join(', ')
  return found.length === 0
    ? { verdict: 'holds', because: `on the topic: ${render(actual)}; as many as were committed` }
    : { verdict: 'refuted', because: `on the topic: ${render(actual)}; committed: ${render(expected)}` }
}

const lossWords = /no longer available|purged|not find first log file/i

function lossIsLoud(history: readonly Entry[]): Finding {
  const purged = entriesOf(history, 'fault').some(({ fault }) => fault === 'binlog-purged')
  const returned = entriesOf(history, 'returned')[0]
  if (!purged || returned === undefined) return unknown('the binlog was not purged under a connector that was away')
  switch (returned.ended) {
    case 'failed': {
      const said = lossWords.test(returned.trace)
      const line = returned.trace.split('\n').find((text) => lossWords.test(text)) ?? returned.trace.slice(0, 300)
      return { verdict: said ? 'holds' : 'unknown', because: `its task failed: ${line.trim().slice(0, 400)}` }
    }
    case 'went-on':
      return { verdict: 'refuted', because: 'it went on as if nothing were missing' }
    case 'neither':
      return unknown('it neither failed nor went on before the deadline')
  }
}

function snapshotLeavesOnlyDeletes(history: readonly Entry[]): Finding {
  const reason = cannotTell(history, 'gap', ['mariadb'])
  if (reason !== undefined) return unknown(reason)
  const [before, after] = [truthOf(history, 'mariadb', 'plan'), truthOf(history, 'mariadb', 'gap')]
  const deleted = [...before.keys()].filter((key) => !after.has(key))
  const changed = [...after].filter(([key, document]) => !isDeepStrictEqual(before.get(key), document))
  if (deleted.length === 0 || changed.length === 0)
    return unknown('nothing was deleted or nothing was changed in the gap')
  const found = derivedStores.flatMap((store) => differences(store, after, copiesOf(history, 'mariadb', store, 'gap')))
  const others = found.filter(({ kind, key }) => kind !== 'extra' || !deleted.includes(key))
  const leftBehind = found.length - others.length
  if (others.length > 0) {
    return {
      verdict: 'refuted',
      because: `beside deleted orders, ${others.length} copies are still wrong`,
      evidence: others.slice(0, evidenceMax),
    }
  }
  return leftBehind === deleted.length * derivedStores.length
    ? {
        verdict: 'holds',
        because: `the ${changed.length} orders that were written in the gap are right in every store, and the ${deleted.length} that were deleted in it are still in every store`,
      }
    : {
        verdict: 'refuted',
        because: `of ${deleted.length} orders deleted in the gap, ${leftBehind} copies are left in ${derivedStores.length} stores`,
      }
}

export const checks: readonly Check<Entry>[] = [
  {
    statement:
      'The derived stores that MariaDB feeds hold the same orders as those that PostgreSQL feeds, field by field.',
    check: sameFromBoth,
  },
  {
    statement: 'Each lane’s stores hold exactly what its own database holds, times included.',
    check: sameAsDatabase,
  },
  {
    statement: 'Each change that MariaDB committed is on the topic once, in spite of kill -9 of Kafka Connect.',
    check: onceEach,
  },
  {
    statement: 'A connector whose place in the binlog is gone fails and says so.',
    check: lossIsLoud,
  },
  {
    statement: 'A new snapshot then mends every order but those that were deleted meanwhile, which stay behind.',
    check: snapshotLeavesOnlyDeletes,
  },
]

export function report(history: readonly Entry[]): Report {
  const rows = both.map((database) => {
    const transactions = entriesOf(history, 'transaction').filter((one) => one.database === database)
    const topic = entriesOf(history, 'topic').find((one) => one.database === database)
    const committed = transactions.filter(({ outcome }) => outcome === 'committed')
    return [
      database,
      String(committed.length),
      String(transactions.length - committed.length),
      String(committed.reduce((sum, { kinds }) => sum + kinds.length, 0)),
      ...(['snapshot', ...changeKinds] as const).map((kind) => String(topic?.counts[kind] ?? '')),
      String(truthOf(history, database, 'plan').size),
    ]
  })
  const faults = entriesOf(history, 'fault').map(({ fault }) => fault)
  return {
    tables: [
      {
        title: 'What was written to each database, and what its topic then held',
        head: [
          'database',
          'committed',
          'rolled back',
          'changes',
          'snapshot',
          'insert',
          'update',
          'delete',
          'orders left',
        ],
        rows,
      },
      {
        title: 'Faults',
        head: ['fault', 'times'],
        rows: [...new Set(faults)].map((fault) => [fault, String(faults.filter((other) => other === fault).length)]),
      },
      {
        title: 'Versions of what only this experiment has',
        head: ['MariaDB', 'Debezium for MariaDB'],
        rows: entriesOf(history, 'versions').map(({ mariadb, debezium }) => [mariadb, debezium]),
      },
    ],
    charts: [],
  }
}
