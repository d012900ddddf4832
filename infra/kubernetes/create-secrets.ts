/**
 * Prints all secrets with new random passwords, for `kubectl create`, which refuses to replace those that exist:
 *
 *   node infra/kubernetes/create-secrets.ts | kubectl create --namespace driftlab -f -
 *
 * Once, before anything else is applied: the stores' data is made with these passwords.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generatePasswords, parseSettings } from '../native/src/settings.ts'
import { kubernetesSecrets } from './secrets.ts'

const infra = join(import.meta.dirname, '..')
const read = (path: string): Promise<string> => readFile(join(infra, path), 'utf8')

const settings = parseSettings(generatePasswords(await read('../.env.example')), '.env.example')
const items = kubernetesSecrets(settings, {
  usersAcl: await read('redis/users.acl'),
  roles: await read('elasticsearch/roles.yml'),
})
process.stdout.write(`${JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2)}\n`)
