/** Every secret that the manifests refer to and no operator makes; pure. Passwords are in no file of this repository. */
import { fileRealm } from '../elasticsearch/file-realm.ts'
import { jobSettingsSchema, secretsOf, type Files } from '../compose/secrets.ts'
import { fillTemplate } from '../native/src/template.ts'
import type { Settings } from '../native/src/settings.ts'

/** Where the stores are for our services: the names that the operators give to their services. */
export const endpoints = {
  POSTGRES_ENDPOINT: 'postgres-rw:5432',
  REDIS_ENDPOINT: 'redis:6379',
  ELASTICSEARCH_ENDPOINT: 'driftlab-es-http:9200',
  CLICKHOUSE_ENDPOINT: 'clickhouse-driftlab:8123',
  KAFKA_ENDPOINT: 'driftlab-kafka-bootstrap:9092',
} as const

export interface Templates {
  /** infra/redis/users.acl */
  readonly usersAcl: string
  /** infra/elasticsearch/roles.yml */
  readonly roles: string
}

export interface Secret {
  readonly apiVersion: 'v1'
  readonly kind: 'Secret'
  readonly metadata: { readonly name: string }
  readonly type: string
  readonly stringData: Files
}

export function kubernetesSecrets(settings: Settings, templates: Templates): readonly Secret[] {
  const processes = secretsOf(settings, jobSettingsSchema.parse(endpoints))
  return [
    ...Object.entries(processes).map(([name, files]) => secret(name, withoutElastic(files))),
    secret(
      'postgres-admin',
      { username: settings.POSTGRES_ADMIN_USER, password: settings.POSTGRES_ADMIN_PASSWORD },
      'kubernetes.io/basic-auth',
    ),
    secret('connect', { POSTGRES_REPLICATION_PASSWORD: settings.POSTGRES_REPLICATION_PASSWORD }),
    secret('redis-users', { 'users.acl': fillTemplate(templates.usersAcl, settings) }),
    secret('elasticsearch-users', { ...fileRealm(settings) }),
    secret('elasticsearch-roles', { 'roles.yml': templates.roles }),
    secret('clickhouse-admin', { password: settings.CLICKHOUSE_ADMIN_PASSWORD }),
  ]
}

/** The password of user `elastic` is the operator's own, and a job reads it there. */
function withoutElastic(files: Files): Files {
  return Object.fromEntries(Object.entries(files).filter(([name]) => name !== 'ELASTICSEARCH_ADMIN_PASSWORD'))
}

function secret(name: string, stringData: Files, type = 'Opaque'): Secret {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type, stringData }
}
