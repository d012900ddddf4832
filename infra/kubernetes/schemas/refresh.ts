/**
 * Makes the schemas of this folder anew from pinned, published packages: node infra/kubernetes/schemas/refresh.ts
 *
 * Needs npm's Node, pip, Maven with a JDK 21, and Go; takes a few minutes and some hundred megabytes of downloads. Tests
 * never run it: they read what it wrote. clickhouse.json is not made here, see README.md.
 *
 * A custom resource's schema is what its operator is built from: Go types through controller-gen, as the operator's own
 * release does it; Strimzi's Java classes through generate/StrimziSchemas.java.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { z } from 'zod'
import { compact, type Schema } from './compact.ts'

const run = promisify(execFile)

const kubernetes = { version: '1.34.0', wheel: 'kubernetes-validate', wheelVersion: '1.37.0' }
const controllerGenVersion = 'v0.23.0'
const strimziVersion = '1.2.0'

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

/** The kinds that our manifests use; each definition that they mention comes along. */
const coreKinds = [
  'io.k8s.api.core.v1.Namespace',
  'io.k8s.api.core.v1.Secret',
  'io.k8s.api.core.v1.Service',
  'io.k8s.api.core.v1.ServiceAccount',
  'io.k8s.api.core.v1.ConfigMap',
  'io.k8s.api.apps.v1.Deployment',
  'io.k8s.api.apps.v1.StatefulSet',
  'io.k8s.api.batch.v1.Job',
  'io.k8s.api.networking.v1.NetworkPolicy',
  'io.k8s.api.policy.v1.PodDisruptionBudget',
]

const goOperators = [
  {
    file: 'cloudnative-pg',
    module: 'github.com/cloudnative-pg/cloudnative-pg',
    version: 'v1.30.0',
    types: 'api/v1',
    licence: 'Apache-2.0',
    kinds: ['Cluster'],
  },
  {
    file: 'elastic-cloud-on-k8s',
    module: 'github.com/elastic/cloud-on-k8s/v3',
    version: 'v3.5.0',
    types: 'pkg/apis/elasticsearch/v1',
    licence: 'Elastic-2.0',
    kinds: ['Elasticsearch'],
  },
  {
    file: 'keda',
    module: 'github.com/kedacore/keda/v2',
    version: 'v2.20.2',
    types: 'apis/keda/v1alpha1',
    licence: 'Apache-2.0',
    kinds: ['ScaledObject'],
  },
] as const

const strimziKinds = {
  Kafka: 'kafka.Kafka',
  KafkaNodePool: 'nodepool.KafkaNodePool',
  KafkaTopic: 'topic.KafkaTopic',
  KafkaConnect: 'connect.KafkaConnect',
  KafkaConnector: 'connector.KafkaConnector',
} as const

const definitionsSchema = z.object({ $defs: z.record(z.string(), z.record(z.string(), z.unknown())) })
const crdSchema = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(
      z.object({
        name: z.string(),
        storage: z.boolean(),
        schema: z.object({ openAPIV3Schema: z.record(z.string(), z.unknown()) }),
      }),
    ),
  }),
})

const folder = await mkdtemp(join(tmpdir(), 'driftlab-schemas-'))
try {
  await core(join(folder, 'core'))
  await fromGo(join(folder, 'go'))
  await fromStrimzi(join(folder, 'strimzi'))
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function core(work: string): Promise<void> {
  await mkdir(work, { recursive: true })
  const { wheel, wheelVersion, version } = kubernetes
  await run('pip', ['install', '--quiet', '--no-deps', '--target', work, `${wheel}==${wheelVersion}`])
  const file = join(work, 'kubernetes_validate/kubernetes-json-schema', `v${version}-local-strict/_definitions.json`)
  const { $defs } = definitionsSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  const kinds = Object.fromEntries(
    coreKinds.map((name) => {
      const [apiVersion = '', kind = ''] = apiOf(name)
      return [`${apiVersion} ${kind}`, { $ref: `#/$defs/${name}` }]
    }),
  )
  await write('kubernetes', {
    source: `Kubernetes OpenAPI ${version}, from the Python package ${wheel} ${wheelVersion}`,
    licence: 'Apache-2.0',
    ...compact(kinds, reachable($defs, coreKinds)),
  })
}

/** `io.k8s.api.apps.v1.Deployment` is `apps/v1`, `Deployment`. */
function apiOf(definition: string): readonly string[] {
  const [group = '', version = '', kind = ''] = definition.split('.').slice(3)
  const suffix = group === 'networking' ? `${group}.k8s.io` : group
  return [group === 'core' ? version : `${suffix}/${version}`, kind]
}

function reachable(definitions: Readonly<Record<string, Schema>>, roots: readonly string[]): Record<string, Schema> {
  const found: Record<string, Schema> = {}
  const waiting = [...roots, objectMeta]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const definition = definitions[name]
    if (definition === undefined) throw new Error(`There is no definition ${name}`)
    if (name in found) continue
    const needed = withoutStatus(definition)
    found[name] = needed
    const mentioned = JSON.stringify(needed).matchAll(/#\/\$defs\/([\w.-]+)"/g)
    waiting.push(...[...mentioned].map(([, other = '']) => other))
  }
  return found
}

async function fromGo(work: string): Promise<void> {
  for (const { file, module, version, types, licence, kinds } of goOperators) {
    // A module for each: together they would have to agree on the versions of what they use.
    const home = join(work, file)
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'go.mod'), 'module schemas\n')
    await writeFile(join(home, 'types.go'), `package schemas\n\nimport _ "${module}/${types}"\n`)
    const go = (...args: readonly string[]) => run('go', [...args], { cwd: home, maxBuffer: 64 * 1024 * 1024 })
    await go('get', `${module}@${version}`)
    await go('get', '-tool', `sigs.k8s.io/controller-tools/cmd/controller-gen@${controllerGenVersion}`)
    await go('mod', 'tidy')
    // It ends badly when a type beside ours has a marker that it does not know; what it wrote of ours is checked below.
    await go('tool', 'controller-gen', 'crd:maxDescLen=0', `paths=${module}/${types}`, 'output:crd:dir=out').catch(
      () => undefined,
    )
    const schemas: Record<string, Schema> = {}
    for (const name of await readdir(join(home, 'out'))) {
      const { spec } = crdSchema.parse(parse(await readFile(join(home, 'out', name), 'utf8')))
      const stored = spec.versions.find(({ storage }) => storage)
      if (stored === undefined || !kinds.some((kind) => kind === spec.names.kind)) continue
      schemas[`${spec.group}/${stored.name} ${spec.names.kind}`] = stored.schema.openAPIV3Schema
    }
    if (Object.keys(schemas).length !== kinds.length) throw new Error(`controller-gen made no ${kinds.join(', ')}`)
    await write(file, { source: `Go module ${module} ${version}, ${types}`, licence, ...compact(resources(schemas)) })
  }
}

async function fromStrimzi(work: string): Promise<void> {
  await mkdir(join(work, 'classes'), { recursive: true })
  await writeFile(
    join(work, 'pom.xml'),
    `<project xmlns="http://maven.apache.org/POM/4.0.0">
      <modelVersion>4.0.0</modelVersion><groupId>driftlab</groupId><artifactId>schemas</artifactId><version>1</version>
      <dependencies><dependency>
        <groupId>io.strimzi</groupId><artifactId>api</artifactId><version>${strimziVersion}</version>
      </dependency></dependencies>
    </project>`,
  )
  await run('mvn', ['-q', 'dependency:build-classpath', '-Dmdep.outputFile=classpath'], { cwd: work })
  const classpath = `${join(work, 'classes')}:${(await readFile(join(work, 'classpath'), 'utf8')).trim()}`
  const sources = ['StrimziSchemas', 'annotations/PresentInVersions', 'annotations/RequiredInVersions'].map((name) =>
    join(import.meta.dirname, 'generate', `${name}.java`),
  )
  await run('javac', ['-cp', classpath, '-d', join(work, 'classes'), ...sources])
  const classes = Object.values(strimziKinds).map((name) => `io.strimzi.api.kafka.model.${name}`)
  const { stdout } = await run('java', ['-cp', classpath, 'StrimziSchemas', ...classes], {
    maxBuffer: 64 * 1024 * 1024,
  })
  const made = z.record(z.string(), z.record(z.string(), z.unknown())).parse(JSON.parse(stdout))
  const schemas = Object.fromEntries(
    Object.keys(strimziKinds).map((kind) => [`kafka.strimzi.io/v1 ${kind}`, made[kind] ?? {}]),
  )
  await write('strimzi', {
    source: `Maven artifact io.strimzi:api:${strimziVersion}, API version v1`,
    licence: 'Apache-2.0',
    ...compact(resources(schemas)),
  })
}

function withoutStatus(schema: Schema): Schema {
  const { properties } = schema
  if (properties === undefined) return schema
  const wanted = Object.entries(properties as Schema).filter(([name]) => name !== 'status')
  return { ...schema, properties: Object.fromEntries(wanted) }
}

/** A CRD leaves the metadata to Kubernetes; the status is the operator's to write. */
function resources(schemas: Readonly<Record<string, Schema>>): Readonly<Record<string, Schema>> {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { properties, ...rest } = withoutStatus(schema)
      const metadata = { $ref: `kubernetes.json#/$defs/${objectMeta}` }
      return [name, { ...rest, properties: { ...(properties as Schema), metadata } }]
    }),
  )
}

async function write(name: string, content: Readonly<Record<string, unknown>>): Promise<void> {
  const text = JSON.stringify({ $id: `${name}.json`, ...content })
  await writeFile(join(import.meta.dirname, `${name}.json`), `${text}\n`)
  process.stdout.write(`${name}.json: ${Math.round(text.length / 1024)} KiB\n`)
}
