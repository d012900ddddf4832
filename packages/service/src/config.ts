import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { z } from 'zod'

/** A TCP port written in an environment variable, 1 to 65535. */
export const portSchema = z.coerce.number().int().min(1).max(65_535)

/** The environment does not fit the service's schema. `message` names every variable at fault and what it must be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Turns environment variables into a frozen, typed configuration.
 *
 * An empty string counts as absent, because that is what an unset variable becomes in compose files and shells. With
 * SECRETS_DIR, what the environment leaves out is read from that folder, a file for each variable: containers get their
 * passwords so, and nobody reads those in `docker inspect`.
 *
 * @throws {ConfigError} naming each missing or wrong variable; values are left out, since they may be secrets.
 */
export function loadConfig<Schema extends z.ZodType>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<z.output<Schema>> {
  const secretsFolder = environment['SECRETS_DIR'] ?? ''
  const present = withoutEmpty({
    ...(secretsFolder === '' ? {} : readSecrets(secretsFolder)),
    ...withoutEmpty(environment),
  })
  const parsed = schema.safeParse(present)
  if (parsed.success) return Object.freeze(parsed.data)

  const missing = secretsFolder === '' ? 'is missing' : `is missing, and ${secretsFolder} has no such file`
  const faults = parsed.error.issues.map((issue) => {
    const variable = issue.path.map(String).join('.') || '(the whole environment)'
    const absent = typeof issue.path[0] === 'string' && !(issue.path[0] in present)
    return `  ${variable}: ${absent ? missing : issue.message}`
  })
  throw new ConfigError(
    `Bad configuration, fix these environment variables (see .env.example):\n${[...new Set(faults)].join('\n')}`,
  )
}

/**
 * The environment over the laboratory's settings file, for tools that are run by hand beside it.
 *
 * @param path of a file that may be absent: then the environment is all there is.
 */
export function withLabSettings(
  environment: Readonly<Record<string, string | undefined>>,
  path: string,
): Readonly<Record<string, string | undefined>> {
  const file = existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}
  return { ...file, ...withoutEmpty(environment) }
}

function withoutEmpty(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  )
}

/** The files of a folder that are named like variables, each without the line break at its end. */
function readSecrets(folder: string): Readonly<Record<string, string>> {
  try {
    const names = readdirSync(folder).filter((name) => /^[A-Z][A-Z0-9_]*$/.test(name))
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8').replace(/\n$/, '')]))
  } catch (cause) {
    throw new ConfigError(
      `SECRETS_DIR: ${cause instanceof Error ? cause.message : String(cause)}. It must be a folder that this process may read.`,
      { cause },
    )
  }
}
