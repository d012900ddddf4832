import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { generatePasswords, parseSettings } from './settings.ts'
import {
  buildTopology,
  componentNames,
  findComponent,
  onDemandNames,
  withDependencies,
  type Component,
} from './topology.ts'

const example = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8')
const settings = parseSettings(generatePasswords(example), '.env')
const withLinks = (LINKS: 'direct' | 'proxied'): readonly Component[] =>
  buildTopology(
    { ...settings, LINKS },
    {
      root: '/root',
      labDir: '/lab',
      envFile: '/lab/.env',
      dataDir: '/data',
      configDir: '/config',
      cacheDir: '/cache',
      kafkaLibDir: '/cache/kafka',
    },
  )
const topology = withLinks('direct')

describe('the topology', () => {
  test('has each component once', () => {
    expect(topology.map(({ name }) => name).toSorted()).toEqual([...componentNames, ...onDemandNames].toSorted())
  })

  test('starts nothing before what it depends on', () => {
    const order = withDependencies(topology, [...componentNames, ...onDemandNames]).map(({ name }) => name)
    for (const { name, dependsOn } of topology) {
      for (const dependency of dependsOn) expect(order.indexOf(dependency)).toBeLessThan(order.indexOf(name))
    }
  })

  test('starts nothing that runs on demand, unless it is named', () => {
    const order = withDependencies(topology, componentNames).map(({ name }) => name)
    expect(order.filter((name) => onDemandNames.some((onDemand) => onDemand === name))).toEqual([])
  })

  test('starts no more than what the named components need', () => {
    expect(withDependencies(topology, ['cache-updater']).map(({ name }) => name)).toEqual([
      'kafka',
      'kafka-topics',
      'redis',
      'cache-updater',
    ])
  })

  test('leads who has a link through it, and nobody else, where the settings want it', () => {
    const proxied = withLinks('proxied')
    const changed = proxied.filter(
      ({ name, environment }) =>
        JSON.stringify(environment) !== JSON.stringify(findComponent(topology, name).environment),
    )
    const linked = changed.filter(({ dependsOn }) => dependsOn.includes('links')).map(({ name }) => name)
    expect(linked).toEqual([
      'orders-dual-write-1',
      'orders-dual-write-2',
      'cache-updater',
      'search-indexer',
      'warehouse-loader',
      'controls',
    ])
    // Jobs are given the settings whole.
    expect(changed.filter(({ kind }) => kind === 'process')).toHaveLength(linked.length)
    expect(findComponent(proxied, 'search-indexer').environment['ELASTICSEARCH_URL']).toContain(
      `127.0.0.1:${settings.SEARCH_INDEXER_TO_ELASTICSEARCH_PORT}`,
    )
  })

  test('reports a circle instead of running in it', () => {
    const circular = topology.map((component) =>
      component.name === 'kafka' ? { ...component, dependsOn: ['connect'] as const } : component,
    )
    expect(() => withDependencies(circular, ['connect'])).toThrow(/connect -> kafka -> connect/u)
  })

  test('gives each port to one component only', () => {
    const ports = topology.flatMap((component) => (component.kind === 'process' ? component.ports : []))
    expect(new Set(ports.map(({ port }) => port)).size).toBe(ports.length)
  })

  test('gives a service no credential of another one, and none of an administrator', () => {
    const services = topology.filter(
      (component) => component.kind === 'process' && component.environment['PORT'] !== undefined,
    )
    for (const { name, environment } of services.filter(({ name }) => name !== 'clickhouse')) {
      const text = JSON.stringify(environment)
      const admins = Object.entries(settings).filter(([variable]) => variable.includes('_ADMIN_PASSWORD'))
      for (const [, password] of admins) expect(`${name} ${text}`).not.toContain(password)
    }
    expect(Object.keys(findComponent(topology, 'cache-updater').environment).toSorted()).toEqual([
      'HOST',
      'KAFKA_BROKERS',
      'LANE',
      'LOG_LEVEL',
      'NODE_COMPILE_CACHE',
      'PORT',
      'REDIS_URL',
      'TOPIC_EPOCH',
    ])
  })

  test('gives the dashboard no credential at all', () => {
    const secrets = Object.entries(settings).filter(([variable]) => /_(USER|PASSWORD)$/u.test(variable))
    const text = JSON.stringify(findComponent(topology, 'dashboard').environment)
    expect(text).not.toContain('@')
    for (const [, secret] of secrets.filter(([variable]) => variable.endsWith('_PASSWORD'))) {
      expect(text).not.toContain(secret)
    }
  })

  test('lets every Node process find what another one has compiled', () => {
    const folders = topology.filter(({ tool }) => tool === 'node').map((component) => component.environment)
    expect(new Set(folders.map((environment) => environment['NODE_COMPILE_CACHE']))).toEqual(
      new Set(['/root/node_modules/.cache/node']),
    )
  })

  test('names what there is when asked for what there is not', () => {
    expect(() => findComponent(topology, 'redsi')).toThrow(/no component named redsi.*redis/u)
  })
})
