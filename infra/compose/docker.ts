/** `docker` in the folder of docker-compose.yml, and what compose says of a project's containers. */
import pRetry from 'p-retry'
import { z } from 'zod'
import { CommandError, runCommand } from '../native/src/commands.ts'

const commandDeadlineMs = 280_000
/** Of a pause that could not freeze every process: up to three more, within two seconds. */
const freezeRetries = { retries: 3, minTimeout: 250 }

export interface ComposeProject {
  /** The repository: where docker-compose.yml is. */
  readonly root: string
  readonly project: string
  /** DOCKER_HOST, DOCKER_CONFIG and the variables of the compose file. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

const containerSchema = z.object({
  Name: z.string(),
  Service: z.string(),
  State: z.string(),
  Health: z.string(),
  ExitCode: z.number(),
})
export type Container = z.output<typeof containerSchema>

/** Each command rejects with a CommandError that has docker's last lines, and may take 280 s at most. */
export interface Docker {
  readonly docker: (args: readonly string[], signal?: AbortSignal) => Promise<readonly string[]>
  /** `docker compose …` in the project. */
  readonly compose: (args: readonly string[], signal?: AbortSignal) => Promise<readonly string[]>
  /** Freezes every process of a container, or none: the engine thaws what it could not freeze as a whole. */
  readonly pause: (container: string) => Promise<void>
  /** Those that have ended too. */
  readonly containers: () => Promise<readonly Container[]>
}

export function dockerOf({ root, project, environment }: ComposeProject): Docker {
  const docker: Docker['docker'] = async (args, signal) => {
    const lines: string[] = []
    const deadline = AbortSignal.timeout(commandDeadlineMs)
    await runCommand('docker', args, {
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      cwd: root,
      environment: { COMPOSE_PROGRESS: 'quiet', ...environment },
      onLine: (line) => lines.push(line),
    })
    return lines
  }
  const compose: Docker['compose'] = (args, signal) => docker(['compose', '--project-name', project, ...args], signal)
  return {
    docker,
    compose,
    // With cgroup v1 a freeze is a game of chances: a process that starts meanwhile, be it a health check's, can spoil it.
    // The engine gives up after some two seconds of trying (runc's pull request 2791), and another try finds other chances.
    pause: (container) =>
      pRetry(() => docker(['pause', container]).then(() => undefined), {
        ...freezeRetries,
        shouldRetry: ({ error }) => error instanceof CommandError && error.message.includes('unable to freeze'),
      }),
    containers: async () =>
      (await compose(['ps', '--all', '--format', 'json'])).map((line) => containerSchema.parse(JSON.parse(line))),
  }
}
