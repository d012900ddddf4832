/** `docker` in the folder of docker-compose.yml, and what compose says of a project's containers. */
import { z } from 'zod'
import { runCommand } from '../native/src/commands.ts'

const commandDeadlineMs = 280_000

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
    containers: async () =>
      (await compose(['ps', '--all', '--format', 'json'])).map((line) => containerSchema.parse(JSON.parse(line))),
  }
}
