/**
 * The command line of the native runtime. It only parses, calls, and prints; what it prints for failures comes from
 * the errors themselves.
 *
 * Exit codes: 0 done; 1 something failed; 2 wrong use; 78 bad settings; 130 interrupted.
 */
import { createReadStream, existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { LabError } from './errors.ts'
import type { Layout } from './layout.ts'
import { withLock } from './lock.ts'
import type { NativeStatus } from './native-lab.ts'
import { openLab, type OpenedLab } from './open.ts'
import type { Settings } from './settings.ts'
import {
  componentNames,
  controlNames,
  eventSourcingNames,
  onDemandNames,
  watcherNames,
  type ComponentName,
} from './topology.ts'
import { bringUp, eraseData, installMissing, lockFile, takeDown } from './up.ts'

/** What `up` starts when nothing is named. */
const ofUp: readonly ComponentName[] = [...componentNames, ...watcherNames, ...controlNames]

const usage = `Usage: npm run lab -- COMMAND

  up [COMPONENT ...]        install what is missing, start everything (or the named components and what they need)
     [--event-sourcing]     with the event-sourced lane
  down                      stop everything; the data stays
  status [--json]           what runs, where, since when, with how much memory
  logs COMPONENT [--follow] [--lines N]
                            the end of a component's log
  restart COMPONENT         stop and start one component
  reset                     stop everything and delete data, state and logs (results and the download cache stay)
  install                   only install what is missing

Components: ${ofUp.join(', ')}
On demand, only when named: ${onDemandNames.filter((name) => !ofUp.includes(name)).join(', ')}

Settings are in .env, made from .env.example at the first start. LAB_ENV_FILE names another settings file, LAB_DIR
another folder than .lab for state, data and logs.
`

const exitCodes = { ok: 0, failure: 1, usage: 2, badSettings: 78, interrupted: 130 } as const

class UsageError extends Error {
  override readonly name = 'UsageError'
}

const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    if (!interrupt.signal.aborted) process.stderr.write('\nStopping; one moment, please.\n')
    interrupt.abort(new LabError('interrupted', 'Interrupted.'))
  })
}

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args)
  const [command, ...names] = positionals
  if (values.help || command === undefined || command === 'help') {
    process.stdout.write(usage)
    return
  }
  switch (command) {
    case 'up': {
      const chosen = names.length === 0 ? ofUp : names
      return up(await openLab(), values['event-sourcing'] ? [...chosen, ...eventSourcingNames] : chosen)
    }
    case 'down':
      return down(await openLab())
    case 'status':
      return showStatus(await openLab(), values.json)
    case 'logs':
      return logs(await openLab(), onlyName(command, names), {
        follow: values.follow,
        lines: Number(values.lines),
      })
    case 'restart': {
      const name = onlyName(command, names)
      const { lab, layout } = await openLab()
      await withLock(lockFile(layout), 'restart', () => lab.restart(name))
      process.stdout.write(`${name} is ready.\n`)
      return
    }
    case 'reset':
      return reset(await openLab())
    case 'install': {
      const { layout } = await openLab()
      const installed = await withLock(lockFile(layout), 'install', () => installMissing(layout, interrupt.signal))
      process.stdout.write(installed ? 'Everything is installed.\n' : 'Everything was installed already.\n')
      return
    }
    default:
      throw new UsageError(`There is no command ${command}.`)
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        json: { type: 'boolean', default: false },
        'event-sourcing': { type: 'boolean', default: false },
        follow: { type: 'boolean', short: 'f', default: false },
        lines: { type: 'string', short: 'n', default: '50' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function onlyName(command: string, names: readonly string[]): ComponentName {
  const [name] = names
  if (name === undefined || names.length > 1) {
    throw new UsageError(`${command} wants one component; there are: ${componentNames.join(', ')}.`)
  }
  return toName(name)
}

function toName(text: string): ComponentName {
  const name = [...componentNames, ...onDemandNames].find((known) => known === text)
  if (name !== undefined) return name
  throw new UsageError(`There is no component named ${text}. There are: ${componentNames.join(', ')}.`)
}

async function up({ lab, layout, settings }: OpenedLab, names: readonly string[]): Promise<void> {
  const chosen = names.map(toName)
  await bringUp(lab, layout, { signal: interrupt.signal, names: chosen })
  process.stdout.write(`\n${addressLines(await lab.status(), layout, settings)}`)
}

async function down({ lab, layout }: OpenedLab): Promise<void> {
  await takeDown(lab, layout)
  process.stdout.write('Everything is stopped.\n')
}

async function reset({ lab, layout }: OpenedLab): Promise<void> {
  await takeDown(lab, layout)
  await eraseData(layout)
  process.stdout.write('Data, state and logs are deleted. Settings, results and the download cache stay.\n')
}

async function showStatus({ lab, layout, settings }: OpenedLab, asJson: boolean): Promise<void> {
  const all = await lab.status()
  if (asJson) {
    process.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`)
    return
  }
  const table = new Table({
    head: ['component', 'state', 'pid', 'port', 'memory MiB', 'up for'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const status of all) {
    table.push([
      status.name,
      status.state,
      status.pid ?? '',
      status.address?.port ?? '',
      status.residentBytes === undefined ? '' : mebibytes(status.residentBytes),
      status.startedAt === undefined ? '' : duration(Date.now() - status.startedAt.getTime()),
    ])
  }
  const total = all.reduce((sum, { residentBytes }) => sum + (residentBytes ?? 0), 0)
  const faults = all.filter(({ why }) => why !== '').map(({ name, why }) => `${name}: ${why}\n`)
  process.stdout.write(`${table.toString()}\n${mebibytes(total)} MiB in all\n${faults.join('')}`)
  process.stdout.write(`\n${addressLines(all, layout, settings)}`)
}

function addressLines(all: readonly NativeStatus[], layout: Layout, { CONTROLS_TOKEN }: Settings): string {
  const isPage = ({ name }: NativeStatus): number => Number(name === 'dashboard')
  const running = all.filter(({ pid }) => pid !== undefined).sort((one, other) => isPage(other) - isPage(one))
  const width = Math.max(0, ...running.map(({ name }) => name.length))
  // The part behind # stays in the browser: no server sees it in an address.
  const steered = running.some(({ name }) => name === 'controls')
  const lines = running
    .filter(({ name }) => name !== 'controls')
    .map((status) => {
      const suffix = steered && isPage(status) === 1 ? `/#token=${CONTROLS_TOKEN}` : ''
      return `  ${status.name.padEnd(width)}  ${status.address?.url ?? ''}${suffix}\n`
    })
  return lines.length === 0
    ? 'Nothing is running. Start it with: make up\n'
    : `${lines.join('')}Users and passwords: ${layout.envFile}   Logs: ${layout.logsDir}\n`
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0)
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`
}

const followIntervalMs = 250

async function logs(
  { lab }: OpenedLab,
  name: ComponentName,
  options: { readonly follow: boolean; readonly lines: number },
): Promise<void> {
  if (!Number.isInteger(options.lines) || options.lines < 1) throw new UsageError('--lines wants a whole number.')
  const file = lab.logFile(name)
  if (!existsSync(file) && !options.follow) {
    throw new LabError(
      'not-ready',
      `${name} has no log yet; it was never started. (${basename(file)} would be in ${dirname(file)})`,
    )
  }
  process.stdout.write(`${await lab.logTail(name, options.lines)}\n`)
  let offset = existsSync(file) ? (await stat(file)).size : 0
  while (options.follow && !interrupt.signal.aborted) {
    const size = existsSync(file) ? (await stat(file)).size : 0
    // A log that has become shorter was begun anew.
    if (size < offset) offset = 0
    if (size > offset) {
      await pipeline(createReadStream(file, { start: offset, end: size - 1 }), process.stdout, { end: false })
      offset = size
    }
    await sleep(followIntervalMs)
  }
}

try {
  await run(process.argv.slice(2))
  process.exitCode = exitCodes.ok
} catch (error) {
  process.exitCode = exitCodeOf(error)
  if (error instanceof UsageError) process.stderr.write(`${error.message}\n\n${usage}`)
  else if (error instanceof LabError) process.stderr.write(`\n${error.message}\n`)
  else throw error
}

function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage
  if (!(error instanceof LabError)) return exitCodes.failure
  switch (error.code) {
    case 'interrupted':
      return exitCodes.interrupted
    case 'bad-settings':
      return exitCodes.badSettings
    default:
      return exitCodes.failure
  }
}
