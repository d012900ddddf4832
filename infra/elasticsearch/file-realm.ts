/**
 * The users of Elasticsearch's file realm, one for each service, made from the settings of .env.example.
 *
 * It only makes the text of the two files, `users` and `users_roles`; whoever starts Elasticsearch puts them beside
 * `roles.yml` in its configuration folder, where it also notices changes within five seconds.
 */
import { pbkdf2Sync, randomBytes } from 'node:crypto'

export interface FileRealm {
  /** `name:hash`, a line a user. Secret. */
  readonly users: string
  /** `role:name`, a line a role of roles.yml. */
  readonly users_roles: string
}

export interface FileRealmSettings {
  readonly ELASTICSEARCH_ORDERS_USER: string
  readonly ELASTICSEARCH_ORDERS_PASSWORD: string
  readonly ELASTICSEARCH_SEARCH_INDEXER_USER: string
  readonly ELASTICSEARCH_SEARCH_INDEXER_PASSWORD: string
  readonly ELASTICSEARCH_AUDITOR_USER: string
  readonly ELASTICSEARCH_AUDITOR_PASSWORD: string
  readonly ELASTICSEARCH_QUERIES_USER: string
  readonly ELASTICSEARCH_QUERIES_PASSWORD: string
}

export function fileRealm(settings: FileRealmSettings): FileRealm {
  const users = [
    {
      name: settings.ELASTICSEARCH_ORDERS_USER,
      password: settings.ELASTICSEARCH_ORDERS_PASSWORD,
      role: 'driftlab-orders',
    },
    {
      name: settings.ELASTICSEARCH_SEARCH_INDEXER_USER,
      password: settings.ELASTICSEARCH_SEARCH_INDEXER_PASSWORD,
      role: 'driftlab-search-indexer',
    },
    {
      name: settings.ELASTICSEARCH_AUDITOR_USER,
      password: settings.ELASTICSEARCH_AUDITOR_PASSWORD,
      role: 'driftlab-auditor',
    },
    {
      name: settings.ELASTICSEARCH_QUERIES_USER,
      password: settings.ELASTICSEARCH_QUERIES_PASSWORD,
      role: 'driftlab-queries',
    },
  ]
  return {
    users: users.map(({ name, password }) => `${name}:${hash(password)}\n`).join(''),
    users_roles: users.map(({ name, role }) => `${role}:${name}\n`).join(''),
  }
}

/** Elasticsearch's own PBKDF2 form: HMAC-SHA512, 32 bytes each of salt and hash. */
function hash(password: string): string {
  const rounds = 10_000
  const salt = randomBytes(32)
  return `{PBKDF2}${rounds}$${salt.toString('base64')}$${pbkdf2Sync(password, salt, rounds, 32, 'sha512').toString('base64')}`
}
