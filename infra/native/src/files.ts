import { readFile } from 'node:fs/promises'
import { systemErrorCode } from './errors.ts'

/** @returns undefined when there is no such file; every other failure is one. */
export async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
