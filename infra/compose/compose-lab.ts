/**
 * The `Lab` of docker-compose.yml: the same components, as containers, hurt through `docker`.
 *
 * An instance of a component is the container `<project>-<service>-<n>`. `docker kill` tells the engine that the end is
 * meant, so a killed container stays down until it is started again, as a killed process does natively.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { LabError } from '../native/src/errors.ts'
import type { Address, ComponentState, ComponentStatus, Lab, ProgressOptions } from '../native/src/lab.ts'
import { componentNames, type ComponentName } from '../native/src/topology.ts'
import { dockerOf, type ComposeProject, type Container } from './docker.ts'
import { isPublished, publishedUrls } from './published.ts'

const readyDeadlineMs = 300_000
const pollIntervalMs = 500

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

export function createComposeLab(composeProject: ComposeProject): Lab {
  const { project, environment } = composeProject
  const { docker, compose, pause, containers } = dockerOf(composeProject)
  const containerOf = (name: ComponentName, instance?: number): string => {
    const { service, replica } = placeOf(name, instance)
    return `${project}-${service}-${replica}`
  }
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
      await pause(containerOf(name, instance))
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
      const url = publishedUrl(name, instance, environment)
      if (url === undefined) throw new LabError('unknown-component', `${name} is not published outside its network.`)
      return { host: '127.0.0.1', port: Number(new URL(url).port), url }
    },

    async status() {
      const present = await containers()
      return componentNames.map((name): ComponentStatus => {
        const container = present.find(({ Name }) => Name === containerOf(name))
        const state = stateOf(container)
        const why =
          state === 'failed' || state === 'unready' ? `${container?.State ?? ''} (${container?.ExitCode ?? ''})` : ''
        const published = publishedUrl(name, 1, environment) !== undefined
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

/** The orders services and the read side are all of the components that are published. */
function publishedUrl(
  name: ComponentName,
  instance: number | undefined,
  environment: ComposeProject['environment'],
): string | undefined {
  const { service, replica } = placeOf(name, instance)
  return isPublished(service) ? publishedUrls(service, environment)[replica - 1] : undefined
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
      // 143: it ended of the SIGTERM that asked it to. 137 is a kill, which the lab calls failed, as it does natively.
      return [0, 143].includes(container.ExitCode) ? 'stopped' : 'failed'
    default:
      return 'unready'
  }
}
