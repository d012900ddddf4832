/**
 * The users of the embedded engine: who they are and what they may do, kept in a file beside the engine's data.
 *
 * Invariant: deny by default. A user other than the administrator of the environment has exactly what was granted,
 * a change is on the disk before it is acknowledged, and a password is kept only as a salted hash.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { z } from 'zod'
import {
  privileges,
  type AccessStatement,
  type Privilege,
  type Target,
  type UserDefinition,
} from './access-statement.ts'
import { EngineError } from './engine-error.ts'

export interface User {
  readonly name: string
  readonly isAdministrator: boolean
  readonly settings: Readonly<Record<string, string>>
  may(privilege: Privilege, target: Target): boolean
}

export interface Users {
  /** @throws {EngineError} 516 for an unknown user as for a wrong password, so that neither can be guessed. */
  authenticate(name: string, password: string): User
  /** Executes an access statement; returns what SHOW statements list. Only the administrator may change anything. */
  execute(statement: AccessStatement, by: User): Promise<readonly string[]>
}

const grantSchema = z.object({ privilege: z.enum(privileges), database: z.string(), table: z.string() })
const userSchema = z.object({
  salt: z.string(),
  sha256: z.string(),
  settings: z.record(z.string(), z.string()),
  grants: z.array(grantSchema),
})
const fileSchema = z.object({ version: z.literal(1), users: z.record(z.string(), userSchema) })
type StoredUser = z.output<typeof userSchema>
type Grant = z.output<typeof grantSchema>

function sha256(salt: string, password: string): Buffer {
  return createHash('sha256').update(salt).update(password).digest()
}

function covers(grant: Grant, privilege: Privilege, target: Target): boolean {
  return (
    (grant.privilege === privilege || grant.privilege === 'ALL') &&
    (grant.database === '*' || grant.database === target.database) &&
    (grant.table === '*' || grant.table === target.table)
  )
}

function secretOf(password: string): Pick<StoredUser, 'salt' | 'sha256'> {
  const salt = randomBytes(16).toString('hex')
  return { salt, sha256: sha256(salt, password).toString('hex') }
}

async function read(file: string): Promise<Record<string, StoredUser>> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
  return fileSchema.parse(JSON.parse(text)).users
}

/** Written beside and renamed, so that a kill leaves the old file or the new one, never half of one. */
async function write(file: string, users: Readonly<Record<string, StoredUser>>): Promise<void> {
  const handle = await open(`${file}.new`, 'w', 0o600)
  try {
    await handle.writeFile(JSON.stringify({ version: 1, users }, undefined, 2))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${file}.new`, file)
}

export async function openUsers(
  file: string,
  administrator: { readonly name: string; readonly password: string },
): Promise<Users> {
  let stored = await read(file)
  const administratorSecret = secretOf(administrator.password)
  let lastWrite: Promise<void> = Promise.resolve()

  const existing = (name: string): StoredUser => {
    const user = stored[name]
    if (user === undefined) throw new EngineError(192, 'UNKNOWN_USER', `There is no user \`${name}\``)
    return user
  }

  const save = async (changed: Record<string, StoredUser>): Promise<readonly string[]> => {
    stored = changed
    lastWrite = lastWrite.then(() => write(file, changed))
    await lastWrite
    return []
  }

  const createUser = async (
    name: string,
    ifExists: 'fail' | 'keep' | 'replace',
    definition: UserDefinition,
  ): Promise<readonly string[]> => {
    if (name === administrator.name || (stored[name] !== undefined && ifExists === 'fail')) {
      throw new EngineError(493, 'ACCESS_ENTITY_ALREADY_EXISTS', `User \`${name}\` already exists`)
    }
    if (stored[name] !== undefined && ifExists === 'keep') return []
    if (definition.password === undefined) {
      throw new EngineError(
        48,
        'NOT_IMPLEMENTED',
        'The embedded engine has no users without a password: add IDENTIFIED WITH sha256_password BY',
      )
    }
    return save({
      ...stored,
      [name]: { ...secretOf(definition.password), settings: definition.settings ?? {}, grants: [] },
    })
  }

  const alterUser = async (name: string, definition: UserDefinition): Promise<readonly string[]> => {
    const user = existing(name)
    const secret = definition.password === undefined ? {} : secretOf(definition.password)
    return save({ ...stored, [name]: { ...user, ...secret, settings: definition.settings ?? user.settings } })
  }

  const changeGrants = async (
    name: string,
    change: (grants: readonly Grant[]) => Grant[],
  ): Promise<readonly string[]> => {
    const user = existing(name)
    return save({ ...stored, [name]: { ...user, grants: change(user.grants) } })
  }

  return {
    authenticate(name, password) {
      const isAdministrator = name === administrator.name
      const user = isAdministrator ? { ...administratorSecret, settings: {}, grants: [] } : stored[name]
      const matches =
        user !== undefined && timingSafeEqual(Buffer.from(user.sha256, 'hex'), sha256(user.salt, password))
      if (!matches) {
        throw new EngineError(
          516,
          'AUTHENTICATION_FAILED',
          `${name}: Authentication failed: password is incorrect, or there is no user with such name.`,
        )
      }
      return {
        name,
        isAdministrator,
        settings: user.settings,
        may: (privilege, target) => isAdministrator || user.grants.some((grant) => covers(grant, privilege, target)),
      }
    },

    async execute(statement, by) {
      if (!by.isAdministrator && !(statement.kind === 'showGrants' && (statement.user ?? by.name) === by.name)) {
        throw new EngineError(
          497,
          'ACCESS_DENIED',
          `${by.name}: Not enough privileges. Only ${administrator.name} may manage users`,
        )
      }
      switch (statement.kind) {
        case 'createUser':
          return createUser(statement.user, statement.ifExists, statement.definition)
        case 'alterUser':
          return alterUser(statement.user, statement.definition)
        case 'dropUser': {
          if (stored[statement.user] === undefined && statement.ifExists) return []
          existing(statement.user)
          return save(Object.fromEntries(Object.entries(stored).filter(([name]) => name !== statement.user)))
        }
        case 'grant':
          return changeGrants(statement.user, (grants) => {
            const added = statement.privileges.map((privilege) => ({ privilege, ...statement.target }))
            return [...grants.filter((grant) => !added.some((other) => isSameGrant(grant, other))), ...added]
          })
        case 'revoke':
          return changeGrants(statement.user, (grants) =>
            grants.filter(
              (grant) =>
                !statement.privileges.some((privilege) => isSameGrant(grant, { privilege, ...statement.target })),
            ),
          )
        case 'showUsers':
          return [administrator.name, ...Object.keys(stored)].sort()
        case 'showGrants': {
          const name = statement.user ?? by.name
          if (name === administrator.name) return [`GRANT ALL ON *.* TO ${name} WITH GRANT OPTION`]
          return existing(name).grants.map(
            (grant) => `GRANT ${grant.privilege} ON ${grant.database}.${grant.table} TO ${name}`,
          )
        }
      }
    },
  }
}

function isSameGrant(one: Grant, other: Grant): boolean {
  return one.privilege === other.privilege && one.database === other.database && one.table === other.table
}
