/**
 * The stack of docker-compose.yml as a project of its own, with ports of its own, for the tests that run it: as containers
 * to be looked at, and as the pipeline that the end-to-end tests know.
 */
import { join } from 'node:path'
import { openComposeStage } from '../../demo/compose-stage.ts'
import { createComposeLab } from '../../infra/compose/compose-lab.ts'
import { dockerOf, type Container, type Docker } from '../../infra/compose/docker.ts'
import type { Lab } from '../../infra/native/src/index.ts'
import type { Census, TestLog } from '../e2e/log.ts'
import { pipelineOn, type Pipeline } from '../e2e/pipeline.ts'

const root = join(import.meta.dirname, '../..')
export const projectName = 'driftlab-test'

/** Unlike those of `docker compose up`, so that both can run. */
const ports = {
  ORDERS_CDC_PORTS: '24101-24102',
  ORDERS_DUAL_WRITE_PORTS: '24201-24202',
  AUDITOR_PORT: '24304',
  DASHBOARD_PORT: '24000',
  QUERIES_PORT: '24305',
}
export const auditorPort = Number(ports.AUDITOR_PORT)
export const dashboardUrl = `http://127.0.0.1:${ports.DASHBOARD_PORT}`
export const ordersUrls = {
  cdc: ['http://127.0.0.1:24101', 'http://127.0.0.1:24102'],
  'dual-write': ['http://127.0.0.1:24201', 'http://127.0.0.1:24202'],
} as const

export interface Project {
  readonly name: string
  readonly lab: Lab
  readonly pipeline: Pipeline
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
  const lab = createComposeLab(composeProject)
  const stage = openComposeStage({ ...composeProject.environment, COMPOSE_PROJECT_NAME: projectName })
  const said = async (lines: Promise<readonly string[]>): Promise<string> => (await lines).join('\n')
  return {
    name: projectName,
    lab,
    pipeline: pipelineOn({ stage, lab, log: logBeyond(compose) }),
    containers,
    docker: (...args) => said(docker(args)),
    compose: (...args) => said(compose(args)),
    exec: (service, ...command) => said(compose(['exec', '-T', service, ...command])),
  }
}

/** The log as a container reaches it that runs the tests' own program, and is gone afterwards. */
function logBeyond(compose: Docker['compose']): TestLog {
  const folder = 'tests/e2e'
  const ask = async (call: keyof TestLog, argument: unknown = null): Promise<unknown> => {
    const container = ['-T', '-e', 'KAFKA_BROKERS=kafka:9092', '--volume', `${join(root, folder)}:/app/${folder}:ro`]
    const program = ['node', `${folder}/log-command.ts`, call, JSON.stringify(argument)]
    const lines = await compose(['run', '--rm', '--no-deps', ...container, 'kafka-topics', ...program])
    return JSON.parse(lines.at(-1) ?? '')
  }
  return {
    census: async () => (await ask('census')) as Census,
    publish: async (records) => {
      await ask('publish', records)
    },
    forgetGroups: async (names) => {
      await ask('forgetGroups', names)
    },
  }
}
