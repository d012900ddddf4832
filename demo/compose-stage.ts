/**
 * The demo in containers. k6 and the audit run in containers too, because the stores cannot be reached from outside, and
 * so do the questions to the sinks.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { AuditReport } from '@driftlab/auditor'
import { publishedUrls } from '../infra/compose/published.ts'
import { LabError, messageOf } from '../infra/native/src/errors.ts'
import { resolveLayout } from '../infra/native/src/index.ts'
import { loadVariablesOf } from '../load-tests/load.ts'
import { SinkError, type AskSink, type SinkName } from './sinks.ts'
import type { Stage } from './stage.ts'

/** Of the auditor: consistent, diverged, unknown. Each comes with its report. */
const verdictCodes = [0, 1, 2]

interface DockerOptions {
  readonly signal?: AbortSignal
  readonly shown?: boolean
  /** Exit codes that are no failure; 0 alone when nothing is said. */
  readonly accept?: readonly number[]
}

export function openComposeStage(environment: NodeJS.ProcessEnv = process.env): Stage {
  const layout = resolveLayout(environment)
  const { root } = layout

  /** @returns standard output; what docker says of its progress goes to the terminal when `shown`. */
  const docker = async (args: readonly string[], options: DockerOptions = {}): Promise<string> => {
    const child = spawn('docker', args, {
      cwd: root,
      env: environment,
      stdio: ['ignore', options.shown === true ? 'inherit' : 'pipe', options.shown === true ? 'inherit' : 'pipe'],
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    const output: Buffer[] = []
    const complaints: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk))
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) => {
        reject(
          options.signal?.aborted === true
            ? cause
            : new LabError('prerequisite-missing', `docker could not be run: ${messageOf(cause)}`, { cause }),
        )
      })
      child.once('close', (exitCode) => {
        resolve(exitCode ?? 1)
      })
    })
    if ((options.accept ?? [0]).includes(code)) return Buffer.concat(output).toString('utf8')
    const reason = Buffer.concat(complaints).toString('utf8').trim().split('\n').slice(-15).join('\n')
    throw new LabError('process-died', `docker ${args.slice(0, 4).join(' ')} ended with ${code}.\n${reason}`)
  }
  const compose = (args: readonly string[], options?: DockerOptions): Promise<string> =>
    docker(['compose', ...args], options)

  /** It is started when everything is healthy; its end is the end of the start. */
  const waitForWelcome = async (signal: AbortSignal): Promise<void> => {
    const container = (await compose(['ps', '--all', '--quiet', 'welcome'], { signal })).trim()
    // Not `logs --follow`, which waits for ever where the container has ended already.
    const code = (await docker(['wait', container], { signal })).trim()
    if (code === '0') return
    throw new LabError('process-died', `welcome ended with ${code}: docker compose logs welcome tells why.`)
  }

  const askIn =
    (sink: SinkName, instance = 1): AskSink =>
    async (method, path) => {
      const script = `fetch('http://127.0.0.1:8080${path}', { method: '${method}' }).then(async (response) => {
        process.stdout.write(await response.text()); process.exitCode = response.ok ? 0 : 1 })`
      try {
        return await compose(['exec', '-T', '--index', String(instance), sink, 'node', '-e', script])
      } catch (cause) {
        throw new SinkError(`${method} ${path} of ${sink} got no answer; see docker compose ps.`, { cause })
      }
    }

  return {
    isRunning: async () => (await compose(['ps', '--quiet'])).trim() !== '',
    bringUp: async ({ fresh, signal }) => {
      if (fresh) await compose(['--profile', '*', 'down', '--volumes'], { signal, shown: true })
      await compose(['up', '--detach', '--build'], { signal, shown: true })
      await waitForWelcome(signal)
    },
    takeDown: async () => {
      await compose(['--profile', '*', 'down'])
    },
    stopCommand: 'RUNTIME=docker make down',
    baseUrls: (lane) => publishedUrls(`orders-${lane}`, environment),
    dashboardUrl: publishedUrls('dashboard', environment)[0] ?? '',
    k6: (load) => ({
      program: 'docker',
      args: ['compose', '--project-directory', root, 'run', '--rm', '-T', '--no-deps', 'k6'],
      environment: { ...environment, ...loadVariablesOf(load), COMPOSE_PROGRESS: 'quiet' },
    }),
    ask: askIn,
    audit: async ({ lanes, examplesMax, onProgress }) => {
      for (const lane of lanes) onProgress?.(lane, 'in its container')
      const chosen = lanes.flatMap((lane) => ['--lane', lane])
      const examples = examplesMax === undefined ? [] : ['--examples', String(examplesMax)]
      const main = ['node', 'services/auditor/src/main.ts', ...chosen, ...examples, '--json', '-']
      const text = await compose(['exec', '-T', 'auditor', ...main], { accept: verdictCodes })
      return JSON.parse(text) as AuditReport
    },
    resultsDir: join(layout.labDir, 'results'),
  }
}
