/**
 * The `Lab` of docker-compose.yml: the same components, as containers, hurt through `docker`.
 *
 * An instance of a component is the container `<project>-<service>-<n>`. `docker kill` tells the engine that the end is
 * meant, so a killed container stays down until it is started again, as a killed process does natively.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { runCommand } from '../native/src/commands.ts'
import { LabError } from '../native/src/errors.ts'
import type { Address, ComponentState, ComponentStatus, Lab, ProgressOptions } from '../native/src/lab.ts'
import { componentNames, type ComponentName } from '../native/src/topology.ts'

export interface ComposeLabOptions {
  /** The repository: where docker-compose.yml is. */
  readonly root: string
  readonly project: string
  /** DOCKER_HOST, DOCKER_CONFIG and the variables of the compose file. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

const readyDeadlineMs = 180_000
const pollIntervalMs = 500
const commandDeadlineMs = 280_000

const containerSchema = z.object({
  Name: z.string(),
  Service: z.string(),
  State: z.string(),
  Health: z.string(),
  ExitCode: z.number(),
})
type Container = z.output<typeof containerSchema>

/** Those that run to their end. */
const jobs: readonly ComponentName[] = [
  'migrate',
  'kafka-topics',
  'elasticsearch-set-up',
  'clickhouse-set-up',
  'connector',
]
/** Those that keep data: two instances would write one folder. */
const stores: readonly ComponentName[] = ['postgres', 'kafka', 'connect', 'redis', 'elasticsearch', 'clickhouse']

/** The orders services are two replicas of one service; natively each is a component. */
function placeOf(name: ComponentName, instance = 1): { readonly service: string; readonly replica: number } {
  const replicated = /^(orders-[a-z-]+)-(\d)$/.exec(name)
  return replicated === null
    ? { service: name, replica: instance }
    : { service: replicated[1] ?? name, replica: Number(replicated[2]) }
}

export function createComposeLab({ root, project, environment }: ComposeLabOptions): Lab {
  const docker = async (args: readonly string[], signal?: AbortSignal): Promise<readonly string[]> => {
    const lines: string[] = []
    const deadline = AbortSignal.timeout(commandDeadlineMs)
    await runCommand('docker', args, {
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      cwd: root,
      environment: { ...environment, COMPOSE_PROGRESS: 'quiet' },
      onLine: (line) => lines.push(line),
    })
    return lines
  }
  const compose = (args: readonly string[], signal?: AbortSignal): Promise<readonly string[]> =>
    docker(['compose', '--project-name', project, ...args], signal)
  const containerOf = (name: ComponentName, instance?: number): string => {
    const { service, replica } = placeOf(name, instance)
    return `${project}-${service}-${replica}`
  }
  const containers = async (): Promise<readonly Container[]> =>
    (await compose(['ps', '--all', '--format', 'json'])).map((line) => containerSchema.parse(JSON.parse(line)))
  const servicesOf = (names: readonly ComponentName[] | undefined): readonly string[] => [
    ...new Set((names ?? []).map((name) => placeOf(name).service)),
  ]

  const waitUntilReady = async (names: readonly ComponentName[], signal?: AbortSignal): Promise<void> => {
    const deadline = performance.now() + readyDeadlineMs
    for (;;) {
      const present = await containers()
      const late = names.filter((name) => {
        const state = stateOf(present.find(({ Name }) => Name === containerOf(name)))
        return state !== 'ready' && state !== 'done'
      })
      if (late.length === 0) return
      signal?.throwIfAborted()
      if (performance.now() > deadline) {
        throw new LabError('not-ready', `Not ready within ${readyDeadlineMs / 1000} s: ${late.join(', ')}.`)
      }
      await delay(pollIntervalMs)
    }
  }

  const resumePaused = async (names: readonly ComponentName[]): Promise<void> => {
    const wanted = names.map((name) => containerOf(name))
    const paused = (await containers()).filter(({ Name, State }) => State === 'paused' && wanted.includes(Name))
    if (paused.length > 0) await docker(['unpause', ...paused.map(({ Name }) => Name)])
  }

  const lab: Lab = {
    components: componentNames,

    async start(names = componentNames, { signal, onProgress }: ProgressOptions = {}) {
      const began = performance.now()
      for (const name of names) onProgress?.(name, { step: 'starting' })
      await resumePaused(names)
      // One instance of each, as the interface promises; those that were scaled up go away.
      const scaled = servicesOf(names).filter(
        (service) => !service.startsWith('orders-') && !jobs.some((job) => job === service),
      )
      const scale = scaled.flatMap((service) => ['--scale', `${service}=1`])
      await compose(['up', '--detach', '--no-recreate', ...scale, ...servicesOf(names)], signal)
      await waitUntilReady(names, signal)
      for (const name of names) {
        const step = jobs.includes(name) ? 'done' : 'ready'
        onProgress?.(name, { step, durationMs: performance.now() - began })
      }
    },

    async stop(names, { onProgress } = {}) {
      const chosen = names ?? componentNames
      for (const name of chosen) onProgress?.(name, { step: 'stopping' })
      await resumePaused(chosen)
      if (names === undefined) await compose(['stop'])
      else await compose(['stop', ...servicesOf(names)])
      for (const name of chosen) onProgress?.(name, { step: 'stopped' })
    },

    async scale(name, instances) {
      if (stores.includes(name) || jobs.includes(name)) {
        throw new LabError('not-scalable', `${name} keeps data; a second instance would write the same folder.`)
      }
      const { service } = placeOf(name)
      await compose(['up', '--detach', '--no-recreate', '--no-deps', '--scale', `${service}=${instances}`, service])
      const deadline = performance.now() + readyDeadlineMs
      for (;;) {
        const states = (await containers()).filter(({ Service }) => Service === service).map(stateOf)
        const running = states.filter((state) => state === 'ready' || state === 'paused')
        if (running.length === instances && states.length === instances) return
        if (performance.now() > deadline)
          throw new LabError('not-ready', `${instances} instances of ${name}: ${states.join(', ')}.`)
        await delay(pollIntervalMs)
      }
    },

    async kill(name, instance) {
      await docker(['kill', '--signal', 'KILL', containerOf(name, instance)])
    },
    async pause(name, instance) {
      await docker(['pause', containerOf(name, instance)])
    },
    async resume(name, instance) {
      await docker(['unpause', containerOf(name, instance)])
    },
    async restart(name) {
      await docker(['restart', containerOf(name)])
      await waitUntilReady([name])
    },
    async runJob(name) {
      if (!jobs.includes(name)) throw new LabError('unknown-component', `${name} is no job.`)
      await compose(['run', '--rm', '--no-deps', '-T', name])
    },

    address(name, instance): Address {
      const port = publishedPort(name, instance, environment)
      if (port === undefined) throw new LabError('unknown-component', `${name} is not published outside its network.`)
      return { host: '127.0.0.1', port, url: `http://127.0.0.1:${port}` }
    },

    async status() {
      const present = await containers()
      return componentNames.map((name): ComponentStatus => {
        const container = present.find(({ Name }) => Name === containerOf(name))
        const state = stateOf(container)
        const why =
          state === 'failed' || state === 'unready' ? `${container?.State ?? ''} (${container?.ExitCode ?? ''})` : ''
        const published = publishedPort(name, 1, environment) !== undefined
        return {
          name,
          instance: 1,
          kind: jobs.includes(name) ? 'job' : 'process',
          state,
          why,
          ...(published ? { address: lab.address(name) } : {}),
        }
      })
    },

    async logTail(name, lines = 20) {
      return (await docker(['logs', '--tail', String(lines), containerOf(name)])).join('\n')
    },
  }
  return lab
}

/** The orders services are all that is published of the components: a range of ports, an instance each. */
function publishedPort(
  name: ComponentName,
  instance: number | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): number | undefined {
  const { service, replica } = placeOf(name, instance)
  const ranges: Readonly<Record<string, string>> = {
    'orders-cdc': environment['ORDERS_CDC_PORTS'] ?? '13101-13102',
    'orders-dual-write': environment['ORDERS_DUAL_WRITE_PORTS'] ?? '13201-13202',
  }
  const first = ranges[service]?.split('-')[0]
  return first === undefined ? undefined : Number(first) + replica - 1
}

function stateOf(container: Container | undefined): ComponentState {
  if (container === undefined || container.State === 'created') return 'stopped'
  const isJob = jobs.some((job) => job === container.Service)
  switch (container.State) {
    case 'paused':
      return 'paused'
    case 'running':
      return container.Health === 'healthy' ? 'ready' : 'unready'
    case 'exited':
      if (isJob) return container.ExitCode === 0 ? 'done' : 'failed'
      // 137 and 143: it was killed or stopped on purpose, or ended well.
      return [0, 143].includes(container.ExitCode) ? 'stopped' : 'failed'
    default:
      return 'unready'
  }
}
