/** The stack of docker-compose.yml as a project of its own, with ports of its own, for the tests that run it. */
import { join } from 'node:path'
import { createComposeLab } from '../../infra/compose/compose-lab.ts'
import { dockerOf, type Container } from '../../infra/compose/docker.ts'
import type { Lab } from '../../infra/native/src/index.ts'

const root = join(import.meta.dirname, '../..')
export const projectName = 'driftlab-test'

/** Unlike those of `docker compose up`, so that both can run. */
const ports = { ORDERS_CDC_PORTS: '24101-24102', ORDERS_DUAL_WRITE_PORTS: '24201-24202', AUDITOR_PORT: '24304' }
export const ordersUrls = {
  cdc: ['http://127.0.0.1:24101', 'http://127.0.0.1:24102'],
  'dual-write': ['http://127.0.0.1:24201', 'http://127.0.0.1:24202'],
} as const

export interface Project {
  readonly name: string
  readonly lab: Lab
  readonly containers: () => Promise<readonly Container[]>
  /** `docker compose …` in this project. @returns what it says. @throws {CommandError} with its last lines. */
  readonly compose: (...args: readonly string[]) => Promise<string>
  readonly docker: (...args: readonly string[]) => Promise<string>
  /** A command in a container that runs. */
  readonly exec: (service: string, ...command: readonly string[]) => Promise<string>
}

/**
 * Talks to the engine of DOCKER_HOST.
 *
 * @param variables of the compose file, beside those of this project.
 */
export function openProject(
  variables: Readonly<Record<string, string>> = {},
  environment: NodeJS.ProcessEnv = process.env,
): Project {
  const composeProject = { root, project: projectName, environment: { ...environment, ...ports, ...variables } }
  const { docker, compose, containers } = dockerOf(composeProject)
  const said = async (lines: Promise<readonly string[]>): Promise<string> => (await lines).join('\n')
  return {
    name: projectName,
    lab: createComposeLab(composeProject),
    containers,
    docker: (...args) => said(docker(args)),
    compose: (...args) => said(compose(args)),
    exec: (service, ...command) => said(compose(['exec', '-T', service, ...command])),
  }
}
