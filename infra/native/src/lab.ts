/**
 * The laboratory as its users see it: named components that can be started, stopped, hurt and asked.
 *
 * Nothing here knows whether a component is a process or a container; each runtime brings a driver.
 */
import type { ComponentName } from './topology.ts'

export type ComponentState =
  /** It was never started, or was stopped on purpose. */
  | 'stopped'
  /** It runs and its probe is content. */
  | 'ready'
  /** It runs, but its probe is not content, or not yet. */
  | 'unready'
  | 'paused'
  /** It was started and is gone without having been stopped; or, a job, it ended badly. */
  | 'failed'
  /** A job that ended well. */
  | 'done'

export interface Address {
  readonly host: string
  readonly port: number
  /** With a scheme, without credentials. */
  readonly url: string
}

export interface ComponentStatus {
  readonly name: ComponentName
  /** Counted from 1; see `Lab.scale`. */
  readonly instance: number
  readonly kind: 'process' | 'job'
  readonly state: ComponentState
  /** Why it is unready or failed, in words; empty otherwise. */
  readonly why: string
  readonly address?: Address
  readonly startedAt?: Date
  readonly residentBytes?: number
  /** Processor time used since it was started, in milliseconds. */
  readonly processorMs?: number
}

export type Progress =
  | { readonly step: 'waiting' | 'preparing' | 'starting' | 'adopted' | 'stopping' | 'stopped' }
  | { readonly step: 'ready' | 'done'; readonly durationMs: number }
  | { readonly step: 'failed'; readonly why: string }

export interface ProgressOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (name: ComponentName, progress: Progress) => void
}

export interface Lab {
  readonly components: readonly ComponentName[]
  /**
   * Starts the named components (default: all but those on demand) and what they depend on, in order, and waits until they are ready.
   * What runs already is adopted; a paused one is resumed; of each there is one instance then. If one fails or `signal`
   * fires, what this call started is stopped again and the promise rejects.
   */
  start(names?: readonly ComponentName[], options?: ProgressOptions): Promise<void>
  /** Stops the named components (default: all) gracefully, dependants first. One that is not running is no error. */
  stop(names?: readonly ComponentName[], options?: Omit<ProgressOptions, 'signal'>): Promise<void>
  /**
   * Lets that many instances of a component run: those that are missing are started, those beyond are stopped
   * gracefully. One that is paused stays so. Resolves when what it started is ready. Whatever acts on one instance acts
   * on the first, the one that `address` without a number names, unless told otherwise.
   *
   * @throws {LabError} `not-scalable` for a component that keeps data: two instances would write one folder.
   */
  scale(name: ComponentName, instances: number): Promise<void>
  /** kill -9: the component gets no chance to do anything more. Resolves when it is gone. */
  kill(name: ComponentName, instance?: number): Promise<void>
  /** Freezes the component where it stands, connections open, until `resume`. */
  pause(name: ComponentName, instance?: number): Promise<void>
  resume(name: ComponentName, instance?: number): Promise<void>
  /** Stops the first instance and starts it again; dependants are left alone. Resolves when it is ready. */
  restart(name: ComponentName): Promise<void>
  /** Runs a job once more. @throws {LabError} `job-failed` with its last lines. */
  runJob(name: ComponentName): Promise<void>
  address(name: ComponentName, instance?: number): Address
  status(): Promise<readonly ComponentStatus[]>
  /** The last lines of the component's log. */
  logTail(name: ComponentName, lines?: number): Promise<string>
}
