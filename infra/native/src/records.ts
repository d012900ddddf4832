/**
 * What the runtime remembers between two commands: one small JSON file an instance of a component under `.lab/state`.
 *
 * Invariant: a record is written whole or not at all (temporary file, then rename), right after the process was
 * started. It is a claim about the past; whether the process still lives is always asked of /proc.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { systemErrorCode } from './errors.ts'

const recordSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('process'),
    pid: z.number().int().positive(),
    startTicks: z.number().int().nonnegative(),
    bootId: z.string(),
    startedAt: z.iso.datetime(),
    /** Of the command, its arguments and environment: a process started with other settings is not adopted. */
    fingerprint: z.string(),
    /** Of a further instance, which is in no settings file. */
    port: z.number().int().positive().optional(),
  }),
  z.object({
    kind: z.literal('job'),
    outcome: z.enum(['done', 'failed']),
    finishedAt: z.iso.datetime(),
    durationMs: z.number().nonnegative(),
  }),
])

export type ComponentRecord = z.output<typeof recordSchema>
export type ProcessRecord = Extract<ComponentRecord, { kind: 'process' }>

export interface Records {
  names(): readonly string[]
  read(name: string): ComponentRecord | undefined
  write(name: string, record: ComponentRecord): void
  forget(name: string): void
}

export function openRecords(folder: string): Records {
  const fileOf = (name: string): string => join(folder, `${name}.json`)
  return {
    names() {
      const files = ifPresent(() => readdirSync(folder)) ?? []
      return files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))
    },
    read(name) {
      const text = ifPresent(() => readFileSync(fileOf(name), 'utf8'))
      return text === undefined ? undefined : parseRecord(text)
    },
    write(name, record) {
      mkdirSync(folder, { recursive: true })
      const partial = `${fileOf(name)}.${process.pid}.partial`
      writeFileSync(partial, `${JSON.stringify(record)}\n`)
      renameSync(partial, fileOf(name))
    },
    forget(name) {
      rmSync(fileOf(name), { force: true })
    },
  }
}

/** A record that does not parse is one of another version of this program; it is as good as none. */
function parseRecord(text: string): ComponentRecord | undefined {
  const parsed = recordSchema.safeParse(JSON.parse(text))
  return parsed.success ? parsed.data : undefined
}

function ifPresent<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
