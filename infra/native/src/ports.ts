/** Finds out before anything starts whether a port is free, and if not, who has it and which setting moves ours. */
import { createServer, type AddressInfo } from 'node:net'
import { LabError, systemErrorCode } from './errors.ts'
import { findListener } from './processes.ts'
import type { PortVariable } from './settings.ts'

export interface PortNeed {
  readonly component: string
  readonly variable: PortVariable
  readonly port: number
}

/** @throws {LabError} `port-taken`, naming every port of `needs` that cannot be had. */
export async function assertPortsFree(host: string, needs: readonly PortNeed[], envFile: string): Promise<void> {
  const checked = await Promise.all(needs.map(async (need) => ({ need, fault: await listenFault(host, need.port) })))
  const faults = checked.filter((entry) => entry.fault !== undefined)
  if (faults.length === 0) return
  const lines = faults.map(({ need, fault }) => portFaultLine(need, fault ?? '', envFile))
  throw new LabError('port-taken', `Nothing was started.\n${lines.join('\n')}`)
}

function portFaultLine(need: PortNeed, fault: string, envFile: string): string {
  const holder = fault === 'EADDRINUSE' ? findListener(need.port) : undefined
  const by =
    holder === undefined
      ? fault === 'EADDRINUSE'
        ? 'is taken by a process of another user'
        : `cannot be opened (${fault})`
      : `is taken by process ${holder.pid} (${shorten(holder.command)})`
  return `Port ${need.port}, which ${need.component} needs, ${by}. Stop it, or change ${need.variable} in ${envFile}.`
}

function shorten(command: string): string {
  return command.length <= 100 ? command : `${command.slice(0, 97)}...`
}

async function listenFault(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', (error) => {
      resolve(systemErrorCode(error) ?? error.message)
    })
    server.listen(port, host, () => {
      server.close(() => {
        resolve(undefined)
      })
    })
  })
}

/** A port that nobody listens on, of those that the kernel gives away. */
export async function findFreePort(host: string): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => {
        resolve(port)
      })
    })
  })
}
