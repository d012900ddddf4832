/**
 * Where the stores are: from the environment, or from the lab's settings file, so that an audit of the lab needs no
 * settings by hand. The users are the auditor's own, who may only read.
 */
import { loadConfig } from '@driftlab/service'
import { z } from 'zod'
import type { Connections } from './lane-access.ts'
import { usualLanes, type LaneSpecification, type Specification } from './specification.ts'

type Environment = Readonly<Record<string, string | undefined>>
type Variable = 'POSTGRES_URL' | 'REDIS_URL' | 'ELASTICSEARCH_URL' | 'CLICKHOUSE_URL' | 'KAFKA_BROKERS'

const url = (...protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    )

const schemas: Readonly<Record<Variable, z.ZodType<string>>> = {
  POSTGRES_URL: url('postgres:', 'postgresql:'),
  REDIS_URL: url('redis:', 'rediss:'),
  ELASTICSEARCH_URL: url('http:', 'https:'),
  CLICKHOUSE_URL: url('http:', 'https:'),
  KAFKA_BROKERS: z
    .string()
    .regex(/^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$/, 'must be host:port, several separated by commas'),
}

/**
 * The addresses that the named lanes need: the URLs themselves, else put together from the lab's variables.
 *
 * @throws {ConfigError} naming each variable that is missing or wrong.
 */
export function connectionsFrom(
  settings: Environment,
  specification: Specification,
  lanes: readonly string[] = usualLanes(specification),
): Connections {
  const needed = variablesOf(lanes.flatMap((lane) => specification.lanes[lane] ?? []))
  const shape = Object.fromEntries(needed.map((name) => [name, schemas[name]]))
  const config: Readonly<Record<string, string>> = loadConfig(z.object(shape), {
    ...urlsOf(settings, 'AUDITOR'),
    ...present(settings),
  })
  return {
    postgresUrl: config['POSTGRES_URL'],
    redisUrl: config['REDIS_URL'],
    elasticsearchUrl: config['ELASTICSEARCH_URL'],
    clickhouseUrl: config['CLICKHOUSE_URL'],
    kafkaBrokers: config['KAFKA_BROKERS']?.split(','),
  }
}

function variablesOf(lanes: readonly LaneSpecification[]): readonly Variable[] {
  const variables = new Set<Variable>()
  for (const lane of lanes) {
    if (lane.table !== undefined) variables.add('POSTGRES_URL')
    if (lane.settles.kind === 'log') variables.add('KAFKA_BROKERS')
    for (const { kind } of Object.values(lane.stores)) {
      switch (kind) {
        case 'redis-hash':
          variables.add('REDIS_URL')
          break
        case 'elasticsearch':
          variables.add('ELASTICSEARCH_URL')
          break
        case 'clickhouse':
          variables.add('CLICKHOUSE_URL')
          break
      }
    }
  }
  return [...variables]
}

/** The lab's settings name hosts, ports, users and passwords apart; here they become one address a store. */
export function urlsOf(settings: Environment, account: 'ADMIN' | 'AUDITOR'): Environment {
  const host = settings['LAB_HOST'] ?? '127.0.0.1'
  const address = (scheme: string, store: string, path = ''): string | undefined => {
    const user = settings[`${store}_${account}_USER`]
    const password = settings[`${store}_${account}_PASSWORD`]
    const port = settings[`${store}_PORT`]
    if (user === undefined || password === undefined || port === undefined) return undefined
    return `${scheme}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}${path}`
  }
  const kafkaPort = settings['KAFKA_PORT']
  return {
    POSTGRES_URL: address('postgres', 'POSTGRES', `/${settings['POSTGRES_DATABASE'] ?? ''}`),
    REDIS_URL: address('redis', 'REDIS'),
    ELASTICSEARCH_URL: address('http', 'ELASTICSEARCH'),
    CLICKHOUSE_URL: address('http', 'CLICKHOUSE'),
    KAFKA_BROKERS: kafkaPort === undefined ? undefined : `${host}:${kafkaPort}`,
  }
}

function present(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
}
