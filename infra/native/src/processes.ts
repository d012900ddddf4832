/**
 * Processes as Linux shows them in /proc.
 *
 * Invariant: a process is known by its pid together with its start time and the boot it belongs to, so a pid that the
 * kernel has given to somebody else is never signalled. Signals go to the whole tree: PostgreSQL's backends leave
 * their parent's process group, and Elasticsearch's server is a child of its launcher.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemErrorCode } from './errors.ts'

export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks between the boot and the start of the process. */
  readonly startTicks: number
  readonly bootId: string
}

interface ProcessStat {
  readonly state: string
  readonly parentPid: number
  readonly threads: number
  readonly startTicks: number
}

/** Errors of a process that ended while we looked at it; everything else is a real fault. */
const goneCodes: readonly (string | undefined)[] = ['ENOENT', 'ESRCH']

function ifPresent<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (goneCodes.includes(systemErrorCode(error))) return undefined
    throw error
  }
}

/** The fields of /proc/<pid>/stat that we use. The command, in parentheses, may itself hold blanks and parentheses. */
export function parseStat(text: string): ProcessStat {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .trim()
    .split(' ')
  return {
    state: fields[0] ?? '',
    parentPid: Number(fields[1]),
    threads: Number(fields[17]),
    startTicks: Number(fields[19]),
  }
}

function readStat(pid: number): ProcessStat | undefined {
  const stat = ifPresent(() => parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  return stat === undefined || hasEnded(stat) ? undefined : stat
}

/**
 * A process that only waits for its parent to notice its end. While other threads of it are still ending, it is not
 * over: until the last one is gone, its ports and files are held.
 */
function hasEnded({ state, threads }: ProcessStat): boolean {
  return state === 'X' || (state === 'Z' && threads <= 1)
}

let bootId: string | undefined
function currentBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return bootId
}

export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid)
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks, bootId: currentBootId() }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identity.bootId === currentBootId() && readStat(identity.pid)?.startTicks === identity.startTicks
}

export function isPaused(identity: ProcessIdentity): boolean {
  return isAlive(identity) && readStat(identity.pid)?.state === 'T'
}

export function commandOf(pid: number): string | undefined {
  return ifPresent(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim())
}

/** The process and everything below it, parents first; empty when it is gone. */
export function processTree(root: ProcessIdentity): readonly ProcessIdentity[] {
  if (!isAlive(root)) return []
  const children = Map.groupBy(allProcesses(), ({ stat }) => stat.parentPid)
  const below = (pid: number): readonly ProcessIdentity[] =>
    (children.get(pid) ?? []).flatMap((child) => [
      { pid: child.pid, startTicks: child.stat.startTicks, bootId: root.bootId },
      ...below(child.pid),
    ])
  return [root, ...below(root.pid)]
}

function allProcesses(): readonly { pid: number; stat: ProcessStat }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map((name) => ({ pid: Number(name), stat: readStat(Number(name)) }))
    .filter((entry): entry is { pid: number; stat: ProcessStat } => entry.stat !== undefined)
}

/** Sends one signal to one process, if that very process still lives. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  if (isAlive(identity)) ifPresent(() => process.kill(identity.pid, name))
}

/** Stops the whole tree where it stands. Looks again until nothing new appears: a process may fork while we walk. */
export function pauseTree(root: ProcessIdentity): readonly ProcessIdentity[] {
  const stopped = new Set<number>()
  for (;;) {
    const fresh = processTree(root).filter(({ pid }) => !stopped.has(pid))
    if (fresh.length === 0) return processTree(root)
    for (const member of fresh) {
      signal(member, 'SIGSTOP')
      stopped.add(member.pid)
    }
  }
}

/** Children first, so that a parent never wakes up to find them hanging. */
export function resumeTree(root: ProcessIdentity): void {
  for (const member of processTree(root).toReversed()) signal(member, 'SIGCONT')
}

/** kill -9 for the whole tree at one instant: it is paused first, so no member sees another die. */
export async function killTree(root: ProcessIdentity, deadlineMs = 10_000): Promise<void> {
  const members = pauseTree(root)
  for (const member of members) signal(member, 'SIGKILL')
  await waitUntilGone(members, deadlineMs)
}

/**
 * Asks the process to stop, and waits for its whole tree to be gone; what is left after `deadlineMs` is killed.
 *
 * @returns whether it stopped by itself.
 */
export async function stopTree(root: ProcessIdentity, request: NodeJS.Signals, deadlineMs: number): Promise<boolean> {
  const members = processTree(root)
  resumeTree(root)
  signal(root, request)
  if (await waitUntilGone(members, deadlineMs)) return true
  await Promise.all(members.map((member) => killTree(member)))
  return false
}

async function waitUntilGone(members: readonly ProcessIdentity[], deadlineMs: number): Promise<boolean> {
  const deadlineAt = Date.now() + deadlineMs
  while (members.some(isAlive)) {
    if (Date.now() > deadlineAt) return false
    await sleep(20)
  }
  return true
}

/**
 * Resident memory of a process tree in bytes. Pages that several members share (PostgreSQL's buffers) count once, if
 * the kernel lets us ask; otherwise the plain resident size stands in, which counts them in every member.
 */
export function residentBytes(root: ProcessIdentity): number {
  return processTree(root).reduce((sum, { pid }) => sum + (proportionalBytes(pid) ?? plainResidentBytes(pid) ?? 0), 0)
}

/** The most memory that a process without children has had resident so far, in bytes; cheap enough to ask for often. */
export function peakResidentBytes(pid: number): number | undefined {
  return ifPresent(() => kibibytes(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmHWM'))
}

function proportionalBytes(pid: number): number | undefined {
  try {
    return kibibytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(systemErrorCode(error) ?? '')) return undefined
    throw error
  }
}

function plainResidentBytes(pid: number): number | undefined {
  return ifPresent(() => kibibytes(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS'))
}

/** Processor time that the tree has used so far, in milliseconds, children that ended included. */
export function processorMs(root: ProcessIdentity): number {
  const ticks = processTree(root).map(({ pid }) => ifPresent(() => readFileSync(`/proc/${pid}/stat`, 'utf8')))
  return ticks.reduce((sum, text) => sum + (text === undefined ? 0 : processorTicks(text)), 0) * msPerTick
}

/** The kernel counts in hundredths of a second towards programs, whatever it uses inside (USER_HZ). */
const msPerTick = 10

/** User and system time, of the process and of the children that it has waited for: fields 14 to 17. */
export function processorTicks(stat: string): number {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .trim()
    .split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
}

function kibibytes(text: string, field: string): number | undefined {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'mu').exec(text)
  return match?.[1] === undefined ? undefined : Number(match[1]) * 1024
}

/** The process that listens on a TCP port, as far as this user may see it. */
export function findListener(port: number): { readonly pid: number; readonly command: string } | undefined {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port)))
  const holder = allProcesses().find(({ pid }) => socketInodes(pid).some((inode) => inodes.has(inode)))
  return holder === undefined ? undefined : { pid: holder.pid, command: commandOf(holder.pid) ?? '' }
}

function listeningInodes(table: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return (ifPresent(() => readFileSync(table, 'utf8')) ?? '')
    .split('\n')
    .map((line) => line.trim().split(/\s+/u))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(suffix))
    .flatMap((fields) => fields[9] ?? [])
}

function socketInodes(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).flatMap((name) => {
      const target = ifPresent(() => readlinkSync(`${folder}/${name}`))
      return /^socket:\[(\d+)\]$/u.exec(target ?? '')?.[1] ?? []
    })
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(systemErrorCode(error) ?? '')) return []
    throw error
  }
}
