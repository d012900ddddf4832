/**
 * What the manifests promise, read from the files themselves. That a cluster accepts them is checked against the schemas
 * of the pinned operators; that it runs them is not: no cluster takes part.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { stopDeadlineMs } from '@driftlab/service'
import { z } from 'zod'
import { configSchema as cacheUpdaterSchema } from '../../services/cache-updater/src/config.ts'
import { connectionsFrom } from '../../services/auditor/src/connections.ts'
import { ordersSpecificationPath } from '../../services/auditor/src/index.ts'
import { readSpecification, type Specification } from '../../services/auditor/src/specification.ts'
import { configSchema as dashboardSchema } from '../../services/dashboard/src/config.ts'
import { configSchema as ordersSchema } from '../../services/orders/src/config.ts'
import { configSchema as queriesSchema } from '../../services/queries/src/config.ts'
import { configSchema as searchIndexerSchema } from '../../services/search-indexer/src/config.ts'
import { configSchema as warehouseLoaderSchema } from '../../services/warehouse-loader/src/config.ts'
import { connectorName, readConnectorConfig } from '../connect/settings.ts'
import { generatePasswords, parseSettings, type Settings } from '../native/src/settings.ts'
import {
  readKustomization,
  readManifests,
  readSchemas,
  type Manifest,
  type ManifestFile,
  type Validate,
} from './manifests.ts'
import { kubernetesSecrets, type Secret } from './secrets.ts'

const infra = join(import.meta.dirname, '..')
const read = (path: string): Promise<string> => readFile(join(infra, path), 'utf8')

const labels = z.record(z.string(), z.string())
const selector = z.object({
  matchLabels: labels.default({}),
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.literal('In'), values: z.array(z.string()) }))
    .default([]),
})
type Selector = z.output<typeof selector>
const peers = z.array(z.object({ podSelector: selector.optional(), namespaceSelector: selector.optional() }))

const variable = z.object({
  name: z.string(),
  value: z.string().optional(),
  valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }).optional(),
})
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()),
  env: z.array(variable).default([]),
  resources: z.object({
    requests: z.object({ memory: z.string(), cpu: z.string() }),
    limits: z.object({ memory: z.string() }),
  }),
  securityContext: z.unknown(),
  livenessProbe: z.looseObject({ httpGet: z.object({ path: z.string() }).optional() }).optional(),
  readinessProbe: z.looseObject({ httpGet: z.object({ path: z.string() }).optional() }).optional(),
  lifecycle: z.object({ preStop: z.object({ sleep: z.object({ seconds: z.number() }) }) }).optional(),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
})
const workload = z.looseObject({
  spec: z.looseObject({
    replicas: z.number().optional(),
    template: z.looseObject({
      metadata: z.object({ labels }),
      spec: z.looseObject({
        automountServiceAccountToken: z.boolean(),
        terminationGracePeriodSeconds: z.number().default(30),
        securityContext: z.looseObject({}),
        containers: z.tuple([container]),
        volumes: z.array(
          z.looseObject({ name: z.string(), secret: z.looseObject({ secretName: z.string() }).optional() }),
        ),
      }),
    }),
  }),
})
const policy = z.looseObject({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    podSelector: selector,
    policyTypes: z.array(z.string()),
    ingress: z.array(z.looseObject({ from: peers.default([]) })).default([]),
    egress: z.array(z.looseObject({ to: peers.default([]) })).default([]),
  }),
})
const scaledObject = z.looseObject({
  metadata: z.object({ name: z.string() }),
  spec: z.looseObject({
    scaleTargetRef: z.object({ name: z.string() }),
    maxReplicaCount: z.number(),
    triggers: z.tuple([
      z.object({ type: z.literal('kafka'), metadata: z.looseObject({ consumerGroup: z.string(), topic: z.string() }) }),
    ]),
  }),
})
const topicSchema = z.looseObject({
  spec: z.object({ topicName: z.string(), partitions: z.number(), replicas: z.number(), config: labels }),
})
const connectSchema = z.looseObject({
  spec: z.looseObject({
    groupId: z.string(),
    offsetStorageTopic: z.string(),
    configStorageTopic: z.string(),
    statusStorageTopic: z.string(),
    config: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  }),
})
const connectorSchema = z.looseObject({
  metadata: z.object({ name: z.string() }),
  spec: z.looseObject({ class: z.string(), tasksMax: z.number(), config: labels }),
})

const services = [
  'orders-cdc',
  'orders-dual-write',
  'cache-updater',
  'search-indexer',
  'warehouse-loader',
  'auditor',
  'dashboard',
  'queries',
] as const
const sinks = ['cache-updater', 'search-indexer', 'warehouse-loader'] as const
const jobs = ['migrate', 'elasticsearch-set-up', 'clickhouse-set-up'] as const
const ours = [...services, ...jobs] as const
/** All but the dashboard, which knows no store and has no secret. */
const withSecrets = ours.filter((name) => name !== 'dashboard')

let files: readonly ManifestFile[]
let documents: readonly Manifest[]
let validate: Validate
let secrets: readonly Secret[]
let settings: Settings
let specification: Specification
beforeAll(async () => {
  files = await readManifests()
  documents = files.flatMap((file) => file.documents)
  validate = await readSchemas()
  settings = parseSettings(generatePasswords(await read('../.env.example')), '.env.example')
  secrets = kubernetesSecrets(settings, {
    usersAcl: await read('redis/users.acl'),
    roles: await read('elasticsearch/roles.yml'),
  })
  specification = await readSpecification(ordersSpecificationPath)
})

function find(kind: string, name: string): Manifest {
  const found = documents.find((document) => document.kind === kind && document.metadata.name === name)
  if (found === undefined) throw new Error(`There is no ${kind} ${name}`)
  return found
}

const all = (kind: string): readonly Manifest[] => documents.filter((document) => document.kind === kind)
const workloadOf = (name: string) => workload.parse(find(jobs.some((job) => job === name) ? 'Job' : 'Deployment', name))
const containerOf = (name: string) => workloadOf(name).spec.template.spec.containers[0]

/** What the process sees: its environment over the files of its secret. */
function environmentOf(name: string): Readonly<Record<string, string>> {
  const given = containerOf(name).env.map(({ name: key, value }) => [key, value ?? 'from another secret'] as const)
  return { ...secrets.find(({ metadata }) => metadata.name === name)?.stringData, ...Object.fromEntries(given) }
}

describe('every document', () => {
  test('is in a file that kustomization.yaml names, and that is there', async () => {
    const { resources } = await readKustomization()
    expect(files.map(({ path }) => path)).toEqual([...resources].sort())
  })

  test('fits the schema of its kind', () => {
    const faults = files.flatMap(({ path, documents: inFile }) =>
      inFile.flatMap((document) =>
        validate(document).map((fault) => `${path}: ${document.kind} ${document.metadata.name}${fault}`),
      ),
    )
    expect(faults).toEqual([])
    expect(documents.length).toBeGreaterThan(40)
  })

  test('would not fit it with a field that the schema does not know, wherever it stands', () => {
    for (const document of documents) {
      expect(validate({ ...document, misspelt: 1 })).not.toEqual([])
      expect(validate({ ...document, metadata: { ...document.metadata, lables: {} } })).not.toEqual([])
    }
    for (const document of documents.filter((each) => 'spec' in each)) {
      expect(validate({ ...document, spec: { ...(document['spec'] as object), misspelt: 1 } })).not.toEqual([])
    }
  })

  // One field deep inside a document of each schema: its name with a letter too many, and its value of another type.
  test.each([
    ['Deployment', 'auditor', ['spec', 'template', 'spec', 'containers', 0, 'readinessProbe', 'httpGet', 'port'], {}],
    ['NetworkPolicy', 'redis', ['spec', 'ingress', 0, 'from', 0, 'podSelector'], 'all'],
    ['PodDisruptionBudget', 'orders-cdc', ['spec', 'maxUnavailable'], []],
    ['Kafka', 'driftlab', ['spec', 'kafka', 'listeners', 0, 'tls'], 'no'],
    ['KafkaNodePool', 'broker', ['spec', 'storage', 'volumes', 0, 'size'], 200],
    ['KafkaTopic', 'driftlab.cdc.orders', ['spec', 'partitions'], '12'],
    [
      'KafkaConnect',
      'driftlab',
      ['spec', 'template', 'connectContainer', 'env', 0, 'valueFrom', 'secretKeyRef', 'key'],
      1,
    ],
    ['KafkaConnector', 'driftlab-orders', ['spec', 'autoRestart', 'enabled'], 'true'],
    ['Cluster', 'postgres', ['spec', 'replicationSlots', 'highAvailability', 'synchronizeLogicalDecoding'], 'on'],
    ['Cluster', 'postgres', ['spec', 'postgresql', 'synchronous', 'number'], 'one'],
    ['Elasticsearch', 'driftlab', ['spec', 'nodeSets', 0, 'count'], '3'],
    ['ScaledObject', 'cache-updater', ['spec', 'maxReplicaCount'], 'many'],
    ['ClickHouseInstallation', 'driftlab', ['spec', 'configuration', 'clusters', 0, 'layout', 'replicasCount'], '3'],
    ['ClickHouseKeeperInstallation', 'driftlab', ['spec', 'templates', 'podTemplates', 0, 'spec', 'containers'], {}],
  ] as const)(
    '%s %s is refused with %j misspelt, and with a value of a wrong type there',
    (kind, name, path, wrong) => {
      const document = find(kind, name)
      expect(validate(document)).toEqual([])
      expect(
        validate(changed(document, path, (parent, key) => ({ ...without(parent, key), [`${key}x`]: parent[key] }))),
      ).not.toEqual([])
      expect(validate(changed(document, path, (parent, key) => ({ ...parent, [key]: wrong })))).not.toEqual([])
    },
  )
})

type Node = Readonly<Record<string, unknown>>

/** A copy of `document` in which the object that holds the end of `path` is another. */
function changed(
  document: Node,
  path: readonly (string | number)[],
  change: (parent: Node, key: string) => Node,
): Node {
  const copy = structuredClone(document) as Record<string, unknown>
  let parent: Record<string, unknown> = { '': copy }
  let key: string | number = ''
  for (const step of path.slice(0, -1)) {
    parent = parent[key] as Record<string, unknown>
    key = step
  }
  const holder = parent[key] as Node
  const last = String(path.at(-1))
  if (!(last in holder)) throw new Error(`There is no ${path.join('.')}`)
  parent[key] = change(holder, last)
  return copy
}

function without(object: Node, key: string): Node {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))
}

describe('our processes', () => {
  const schemas: Readonly<Partial<Record<string, z.ZodType>>> = {
    'orders-cdc': ordersSchema,
    'orders-dual-write': ordersSchema,
    'cache-updater': cacheUpdaterSchema,
    'search-indexer': searchIndexerSchema,
    'warehouse-loader': warehouseLoaderSchema,
    dashboard: dashboardSchema,
    queries: queriesSchema,
  }
  /** Read by Node, by the PostgreSQL client and by what every process of ours shares; in no service's schema. */
  const common = ['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'PGSSLMODE', 'SECRETS_DIR']

  test.each(Object.keys(schemas))('%s gets every variable that it needs, and none that it does not know', (name) => {
    const environment = environmentOf(name)
    const parsed = schemas[name]?.safeParse(environment)
    expect(parsed?.error).toBeUndefined()
    const known = Object.keys(z.record(z.string(), z.unknown()).parse(parsed?.data))
    expect(Object.keys(environment).filter((key) => !known.includes(key) && !common.includes(key))).toEqual([])
  })

  test('auditor gets the address of every store that its specification names, and no other variable', () => {
    const { HOST, PORT, LOG_LEVEL, SECRETS_DIR, ...environment } = environmentOf('auditor')
    expect([HOST, PORT, LOG_LEVEL, SECRETS_DIR]).toEqual(['0.0.0.0', '8080', 'info', '/run/driftlab'])
    const connections = connectionsFrom(environment, specification)
    const addresses = Object.keys(environment).filter((key) => !common.includes(key))
    expect(addresses.length).toBe(Object.values(connections).filter((address) => address !== undefined).length)
  })

  test.each([
    ['migrate', 'postgres/migrate.ts'],
    ['elasticsearch-set-up', 'elasticsearch/set-up.ts'],
    ['clickhouse-set-up', 'clickhouse/set-up.ts'],
  ])('job %s gets every variable that %s asks for, and none that it does not', async (name, script) => {
    const source = await read(script)
    const asked = [...source.matchAll(/^ {2}([A-Z][A-Z_]+): (z|portSchema)(.*)$/gm)]
    const required = asked
      .filter(([, , , rest = '']) => /^(\.string\(\))?,$/.test(rest))
      .map(([, variableName]) => variableName)
    expect(required.length).toBeGreaterThan(5)
    const environment = Object.keys(environmentOf(name)).filter((key) => !common.includes(key))
    expect(environment).toEqual(expect.arrayContaining(required))
    expect(environment.filter((key) => !asked.some(([, variableName]) => variableName === key))).toEqual([])
    expect(containerOf(name).command).toEqual(['node', `/app/infra/${script}`])
  })

  test.each(ours)('%s runs as a user without rights, on a root that it cannot write, within bounds', (name) => {
    const { spec } = workloadOf(name).spec.template
    expect(spec.automountServiceAccountToken).toBe(false)
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(containerOf(name).securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(containerOf(name).image).toBe('driftlab/services')
  })

  test.each(services)(
    '%s is asked whether it lives and whether it is ready, and has longer to stop than it takes',
    (name) => {
      const { livenessProbe, readinessProbe, lifecycle, command } = containerOf(name)
      expect([livenessProbe?.httpGet?.path, readinessProbe?.httpGet?.path]).toEqual(['/live', '/ready'])
      const stopMs = (lifecycle?.preStop.sleep.seconds ?? 0) * 1_000 + stopDeadlineMs
      expect(workloadOf(name).spec.template.spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(stopMs)
      expect(command.slice(0, 2)).toEqual(['node', `/app/services/${name.replace(/^orders-.*/, 'orders')}/src/main.ts`])
    },
  )

  test.each(services)('%s may lose an instance to a drain of a node, but not two at once', (name) => {
    const budget = all('PodDisruptionBudget').find(({ metadata }) => metadata.name === name)
    const single = workloadOf(name).spec.replicas === 1
    expect(budget?.['spec']).toEqual(
      single ? undefined : { maxUnavailable: 1, selector: { matchLabels: { 'app.kubernetes.io/name': name } } },
    )
  })

  test.each(sinks)(
    '%s is scaled by the lag of its own group, up to the number of partitions and no further',
    (name) => {
      const { spec } = scaledObject.parse(find('ScaledObject', name))
      const [{ metadata }] = spec.triggers
      const partitions = topicSchema.parse(find('KafkaTopic', metadata.topic)).spec.partitions
      expect(spec.scaleTargetRef.name).toBe(name)
      expect(metadata.consumerGroup).toBe(name)
      expect(spec.maxReplicaCount).toBe(partitions)
      expect(workloadOf(name).spec.replicas).toBeUndefined()
    },
  )
})

describe('secrets', () => {
  /** Made by the operators, under names that follow from those of our resources. */
  const byOperators = ['postgres-ca', 'driftlab-es-elastic-user']

  test('are in no manifest', () => {
    expect(all('Secret')).toEqual([])
    expect(JSON.stringify(documents)).not.toMatch(/"stringData"|:\/\/[^"/]*:[^"/]*@/)
  })

  test('that the manifests name are those that create-secrets.ts makes, with the keys that are asked for', () => {
    const named = new Set<string>()
    const keys: { readonly name: string; readonly key: string }[] = []
    const walk = (node: unknown): void => {
      if (Array.isArray(node)) node.forEach(walk)
      if (typeof node !== 'object' || node === null) return
      for (const [field, value] of Object.entries(node)) {
        if (field === 'secretName' && typeof value === 'string') named.add(value)
        if (field === 'secretKeyRef') keys.push(z.object({ name: z.string(), key: z.string() }).parse(value))
        if (field === 'passwordSecret') named.add(z.object({ name: z.string() }).parse(value).name)
        walk(value)
      }
    }
    walk(documents)
    for (const { name } of keys) named.add(name)
    const made = (name: string): Readonly<Record<string, string>> =>
      secrets.find(({ metadata }) => metadata.name === name)?.stringData ?? {}
    expect(keys.filter(({ name, key }) => !byOperators.includes(name) && !(key in made(name)))).toEqual([])
    expect([...named].sort()).toEqual([...secrets.map(({ metadata }) => metadata.name), ...byOperators].sort())
  })

  test('fit their schema, and each process mounts its own alone', () => {
    for (const secret of secrets) expect(validate({ ...secret })).toEqual([])
    for (const name of ours) {
      const mounted = workloadOf(name).spec.template.spec.volumes.flatMap(({ secret }) => secret?.secretName ?? [])
      const own = withSecrets.some((each) => each === name) ? [name] : []
      expect(mounted.filter((secretName) => secretName !== 'postgres-ca')).toEqual(own)
    }
  })
})

describe('the network policies', () => {
  const stores = {
    postgres: { 'cnpg.io/cluster': 'postgres' },
    kafka: { 'strimzi.io/name': 'driftlab-kafka' },
    redis: { 'app.kubernetes.io/name': 'redis' },
    elasticsearch: { 'elasticsearch.k8s.elastic.co/cluster-name': 'driftlab' },
    clickhouse: { 'clickhouse.altinity.com/chi': 'driftlab' },
  } as const
  const storeOfHost: Readonly<Record<string, keyof typeof stores>> = {
    'postgres-rw': 'postgres',
    'driftlab-kafka-bootstrap': 'kafka',
    redis: 'redis',
    'driftlab-es-http': 'elasticsearch',
    'clickhouse-driftlab': 'clickhouse',
  }

  /** The stores whose addresses a process has: those it may talk to, and no others. */
  function talksTo(name: string): readonly string[] {
    const hosts = Object.entries(environmentOf(name)).flatMap(([key, value]) => {
      if (key.endsWith('_URL')) return [new URL(value).hostname]
      if (key === 'KAFKA_BROKERS') return value.split(',').map((broker) => broker.split(':')[0] ?? '')
      return key === 'LAB_HOST' ? [value] : []
    })
    return [...new Set(hosts.map((host) => storeOfHost[host] ?? `unknown host ${host}`))].sort()
  }

  const policyOf = (name: string) => policy.parse(find('NetworkPolicy', name)).spec
  const names = (from: readonly { readonly podSelector?: Selector | undefined }[]): readonly string[] =>
    from.flatMap(({ podSelector }) => [
      ...(podSelector?.matchExpressions.flatMap(({ values }) => values) ?? []),
      ...Object.values(podSelector?.matchLabels ?? {}),
    ])

  test('deny everything that no other policy allows', () => {
    expect(find('NetworkPolicy', 'default-deny')['spec']).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    })
  })

  test.each(withSecrets)('let %s talk to the stores whose addresses it has, and to nobody else', (name) => {
    const { egress, podSelector } = policyOf(name)
    expect(podSelector.matchLabels).toEqual({ 'app.kubernetes.io/name': name })
    expect(egress.every(({ to }) => to.length > 0)).toBe(true)
    const allowed = egress.flatMap(({ to }) =>
      to.map(
        ({ podSelector: target }) =>
          Object.entries(stores).find(
            ([, storeLabels]) => JSON.stringify(storeLabels) === JSON.stringify(target?.matchLabels),
          )?.[0],
      ),
    )
    expect([...allowed].sort()).toEqual(talksTo(name))
    expect(allowed.length).toBeGreaterThan(0)
  })

  test('let the dashboard talk to those whose addresses it has, which let it in, and to nobody else', () => {
    const hosts = Object.entries(environmentOf('dashboard')).flatMap(([key, value]) =>
      /_URLS?$/.test(key) ? [new URL(value).hostname] : [],
    )
    const asked = hosts.map((host) => {
      const service = z.looseObject({
        spec: z.object({ clusterIP: z.literal('None'), selector: labels, ports: z.unknown() }),
      })
      return service.parse(find('Service', host)).spec.selector['app.kubernetes.io/name'] ?? ''
    })
    const { egress } = policyOf('dashboard')
    expect(names(egress.flatMap(({ to }) => to)).toSorted()).toEqual(asked.toSorted())
    const metrics = policyOf('metrics')
    // Nobody watches the read side on the page; Prometheus asks it as it asks all.
    expect(names([metrics]).toSorted()).toEqual([...asked, 'dashboard', 'queries'].toSorted())
    expect(names(metrics.ingress.flatMap(({ from }) => from))).toContain('dashboard')
  })

  test.each(['postgres', 'redis', 'elasticsearch', 'clickhouse'] as const)(
    'let into %s those who have its address, of ours',
    (store) => {
      const clients = policyOf(store).ingress.flatMap(({ from }) => names(from))
      expect(clients.filter((name) => ours.some((each) => each === name)).sort()).toEqual(
        ours.filter((name) => talksTo(name).includes(store)).sort(),
      )
    },
  )

  test('let into Kafka those who have its address, and Connect, by the list from which Strimzi makes its policy', () => {
    const { spec } = z
      .looseObject({
        spec: z.looseObject({
          kafka: z.looseObject({ listeners: z.tuple([z.looseObject({ networkPolicyPeers: peers })]) }),
        }),
      })
      .parse(find('Kafka', 'driftlab'))
    const clients = names(spec.kafka.listeners[0].networkPolicyPeers)
    expect([...clients].sort()).toEqual(
      ['driftlab-connect', ...ours.filter((name) => talksTo(name).includes('kafka'))].sort(),
    )
  })
})

describe('the same system as without a cluster', () => {
  /** Of Debezium's connector; the reasons stand beside them in connect/connector.yaml. */
  const connectorOnly = ['slot.failover', 'database.sslmode', 'database.sslrootcert']

  test('the connector is infra/connect/orders-connector.json but for addresses, TLS and the failover slot', async () => {
    const { metadata, spec } = connectorSchema.parse(find('KafkaConnector', 'driftlab-orders'))
    const config: Record<string, string> = {
      ...spec.config,
      'connector.class': spec.class,
      'tasks.max': String(spec.tasksMax),
    }
    const expected = await readConnectorConfig({
      LAB_HOST: 'unused',
      CONNECT_HOST: 'unused',
      CONNECT_PORT: 8083,
      POSTGRES_HOST: 'postgres-rw',
      POSTGRES_PORT: 5432,
      POSTGRES_DATABASE: settings.POSTGRES_DATABASE,
      POSTGRES_REPLICATION_USER: settings.POSTGRES_REPLICATION_USER,
    })
    const { 'slot.failover': failover } = config
    expect(failover).toBe('true')
    expect(metadata.name).toBe(connectorName)
    expect(Object.fromEntries(Object.entries(config).filter(([option]) => !connectorOnly.includes(option)))).toEqual(
      expected,
    )
  })

  test("Connect's workers are infra/connect/worker.properties but for addresses and copies", async () => {
    const { spec } = connectSchema.parse(find('KafkaConnect', 'driftlab'))
    const config: Readonly<Record<string, string>> = {
      ...Object.fromEntries(Object.entries(spec.config).map(([option, value]) => [option, String(value)])),
      'group.id': spec.groupId,
      'offset.storage.topic': spec.offsetStorageTopic,
      'config.storage.topic': spec.configStorageTopic,
      'status.storage.topic': spec.statusStorageTopic,
    }
    // Strimzi sets these itself.
    const operators = /^(bootstrap\.servers|client\.id|plugin\.path|listeners|rest\..*)$/
    const copies = /replication\.factor$/
    const expected = properties(await read('connect/worker.properties')).filter(([option]) => !operators.test(option))
    expect(expected.length).toBeGreaterThan(10)
    const comparable = (entries: readonly (readonly [string, string])[]) =>
      Object.fromEntries(entries.map(([option, value]) => [option, copies.test(option) ? 'copies' : value]))
    expect(comparable(Object.entries(config))).toEqual(comparable(expected))
    expect(
      Object.entries(config)
        .filter(([option]) => copies.test(option))
        .map(([, value]) => value),
    ).toEqual(['3', '3', '3'])
  })

  test('the topics are those of infra/kafka/topics.json, with three copies, of which two are acknowledged', async () => {
    const { topics } = z
      .object({ topics: z.array(z.object({ name: z.string(), partitions: z.number(), config: labels })) })
      .parse(JSON.parse(await read('kafka/topics.json')))
    const specs = all('KafkaTopic').map((document) => topicSchema.parse(document).spec)
    expect(specs.map(({ topicName, config }) => ({ topicName, config }))).toEqual(
      topics.map(({ name, config }) => ({ topicName: name, config: { ...config, 'min.insync.replicas': '2' } })),
    )
    expect(specs.map(({ replicas }) => replicas)).toEqual(topics.map(() => 3))
    // What is one partition stays one: its order is the whole topic's.
    expect(specs.map(({ partitions }) => partitions === 1)).toEqual(topics.map(({ partitions }) => partitions === 1))
  })

  test('Redis has the settings of infra/redis/redis.conf', async () => {
    const { data } = z.looseObject({ data: z.object({ 'redis.conf': z.string() }) }).parse(find('ConfigMap', 'redis'))
    const lines = (await read('redis/redis.conf')).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(data['redis.conf'].trim().split('\n')).toEqual(lines)
  })
})

function properties(text: string): readonly (readonly [string, string])[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
}
