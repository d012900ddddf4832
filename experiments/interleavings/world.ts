/**
 * A world in which nothing happens by itself. Code that runs in it reaches stores only through requests, and a request
 * does nothing until somebody chooses the event that lets it: that it lands in the store, that its answer arrives, that
 * it is lost, that the process which sent it dies.
 *
 * Invariant: the same choices give the same run, since the code is deterministic and owns no timer that matters and no
 * randomness. So a run is a list of choices, and every run can be had by trying every choice.
 */

/** What may happen once in a run, beside what always happens. */
export const faultKinds = ['nothing fails', 'a process dies', 'a store fails once', 'a sink is taken over'] as const
export type FaultKind = (typeof faultKinds)[number]

export interface RequestOptions<Answer> {
  /** As the trace tells it: "puts note a into redis". */
  readonly label: string
  /** The change in the store, made in one stroke. What it throws is the answer. */
  readonly land: () => Answer
  /** Until then the store lets the request wait, as for a lock. */
  readonly ready?: () => boolean
  /** Whether `a store fails once` may hit it. */
  readonly canFail?: boolean
  /** It is part of a conversation, and means nothing when its sender is dead. */
  readonly endsWithSender?: boolean
  /** Called when it will never land. */
  readonly onLost?: () => void
}

export interface Actor {
  readonly name: string
  request<Answer>(options: RequestOptions<Answer>): Promise<Answer>
}

export interface ActorOptions {
  readonly name: string
  readonly run: (actor: Actor) => Promise<void>
  /** Called when the process dies: its connections break. */
  readonly onDeath?: () => void
  /** Starts the process that takes its place, when it dies or while it is frozen. */
  readonly successor?: () => ActorOptions
}

type RequestState = 'sent' | 'landed' | 'answered' | 'timed-out' | 'lost'

interface PendingRequest {
  readonly label: string
  readonly ready: () => boolean
  readonly canFail: boolean
  readonly endsWithSender: boolean
  readonly onLost: () => void
  readonly land: () => unknown
  readonly answer: (outcome: Outcome) => void
  state: RequestState
  outcome: Outcome | undefined
}

type Outcome = { readonly value: unknown } | { readonly error: unknown }

interface Process extends ActorOptions {
  readonly requests: PendingRequest[]
  state: 'running' | 'replaced' | 'dead'
  /** Its code has come to its end. */
  ended: boolean
  failure: unknown
}

export interface WorldEvent {
  readonly actor: string
  readonly label: string
  readonly happen: () => void
}

/** What a client sees of a store that fails; whether the request landed is another question. */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed'
}

export interface World {
  start(options: ActorOptions): void
  /** Lets the code run until all of it waits. */
  settle(): Promise<void>
  /** What may happen next, always in the same order. None: the run is over. */
  events(): readonly WorldEvent[]
  /** Everything on which the future depends, beside the stores. */
  fingerprint(): string
  /** What a process ended with that nobody foresaw. */
  failures(): readonly unknown[]
}

/** `expected`: what may end an actor and is no mistake in the experiment, such as the error that a client gets. */
export function createWorld(fault: FaultKind, expected: (error: unknown) => boolean): World {
  const processes: Process[] = []
  let faultsLeft = fault === 'nothing fails' ? 0 : 1

  const start = (actorOptions: ActorOptions): void => {
    const process: Process = { ...actorOptions, requests: [], state: 'running', ended: false, failure: undefined }
    processes.push(process)
    const actor: Actor = {
      name: process.name,
      request: <Answer>(options: RequestOptions<Answer>) => {
        const { label, land, ready = () => true, canFail = false, endsWithSender = false } = options
        const answered = Promise.withResolvers<Answer>()
        process.requests.push({
          label,
          ready,
          canFail,
          endsWithSender,
          onLost: options.onLost ?? (() => undefined),
          land,
          state: 'sent',
          outcome: undefined,
          answer: (outcome) => {
            if ('error' in outcome) answered.reject(outcome.error)
            // The outcome is what this request's `land` gave.
            else answered.resolve(outcome.value as Answer)
          },
        })
        return answered.promise
      },
    }
    process.run(actor).then(
      () => {
        process.ended = true
      },
      (error: unknown) => {
        process.ended = true
        if (!expected(error)) process.failure = error
      },
    )
  }

  const eventsOf = (process: Process): readonly WorldEvent[] => {
    const event = (label: string, happen: () => void): WorldEvent => ({ actor: process.name, label, happen })
    const found: WorldEvent[] = []
    const gone = process.state === 'dead'
    for (const request of process.requests) {
      const answer = (outcome: Outcome): void => {
        request.state = 'answered'
        request.outcome = outcome
        request.answer(outcome)
      }
      const late = request.state === 'timed-out'
      if (request.state === 'sent' || late) {
        const land = (): void => {
          let outcome: Outcome
          try {
            outcome = { value: request.land() }
          } catch (error) {
            outcome = { error }
          }
          request.state = gone || late ? 'answered' : 'landed'
          request.outcome = outcome
        }
        if (request.ready()) found.push(event(`${request.label}${late || gone ? ', late' : ''}`, land))
        // Nobody waits for it any more, so it may as well never have left.
        if (late || gone) {
          found.push(
            event(`(${request.label}: lost on the way)`, () => {
              request.state = 'lost'
              request.onLost()
            }),
          )
        }
      }
      if (gone) continue
      if (request.state === 'landed') {
        const { outcome } = request
        if (outcome !== undefined) {
          found.push(
            event(`hears the answer to: ${request.label}`, () => {
              answer(outcome)
            }),
          )
        }
      }
      if (fault === 'a store fails once' && faultsLeft > 0 && request.canFail) {
        const fail = (state: RequestState): void => {
          faultsLeft -= 1
          request.state = state
          request.answer({ error: new StoreFailed(`the store failed: ${request.label}`) })
        }
        if (request.state === 'sent') {
          found.push(
            event(`(${request.label}: times out, still on its way)`, () => {
              fail('timed-out')
            }),
          )
        }
        if (request.state === 'landed') {
          found.push(
            event(`(${request.label}: the connection breaks before the answer)`, () => {
              fail('answered')
            }),
          )
        }
      }
    }
    if (process.state === 'running' && !process.ended && faultsLeft > 0) {
      if (fault === 'a process dies') {
        found.push(
          event('DIES', () => {
            faultsLeft -= 1
            process.state = 'dead'
            for (const request of process.requests) {
              if (request.state === 'sent' && request.endsWithSender) request.state = 'lost'
            }
            process.onDeath?.()
            if (process.successor !== undefined) start(process.successor())
          }),
        )
      }
      const { successor } = process
      if (fault === 'a sink is taken over' && successor !== undefined) {
        found.push(
          event('is taken for dead, and another takes over', () => {
            faultsLeft -= 1
            process.state = 'replaced'
            start(successor())
          }),
        )
      }
    }
    return found
  }

  const events = (): readonly WorldEvent[] => processes.flatMap(eventsOf)

  const waits = (process: Process): boolean =>
    process.ended ||
    process.state === 'dead' ||
    process.requests.some(({ state }) => state === 'sent' || state === 'landed')

  return {
    start,
    settle: async () => {
      // A turn of the loop runs everything that promises have ready; a retry's timer takes some more.
      do await new Promise(setImmediate)
      while (!processes.every(waits))
    },
    events,
    fingerprint: () =>
      JSON.stringify([
        faultsLeft,
        processes.map(({ name, state, ended, requests }) => [
          name,
          state,
          ended,
          requests.map((request) => [request.label, request.state, describe(request.outcome)]),
        ]),
      ]),
    failures: () => processes.flatMap(({ failure }) => (failure === undefined ? [] : [failure])),
  }
}

function describe(outcome: Outcome | undefined): unknown {
  if (outcome === undefined) return null
  return 'error' in outcome ? { error: String(outcome.error) } : outcome
}
