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
 * An empty string counts as absent, because that is what an unset variable becomes in compose files and shells.
 *
 * @throws {ConfigError} naming each missing or wrong variable; values are left out, since they may be secrets.
 */
export function loadConfig<Schema extends z.ZodType>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<z.output<Schema>> {
  const present = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = schema.safeParse(present)
  if (parsed.success) return Object.freeze(parsed.data)

  const faults = parsed.error.issues.map((issue) => {
    const variable = issue.path.map(String).join('.') || '(the whole environment)'
    const absent = typeof issue.path[0] === 'string' && !(issue.path[0] in present)
    return `  ${variable}: ${absent ? 'is missing' : issue.message}`
  })
  throw new ConfigError(
    `Bad configuration, fix these environment variables (see .env.example):\n${[...new Set(faults)].join('\n')}`,
  )
}
