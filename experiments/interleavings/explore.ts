/**
 * Tries every run of a world, and counts.
 *
 * A run is a path through states; two paths that meet in a state have the same futures, so each state is explored once
 * and its futures are counted, not walked again. The counts are those of the paths, exact and large.
 */
import type { World, WorldEvent } from './world.ts'

export interface Scene {
  readonly world: World
  /** The stores' contents, as far as the future and the judgement depend on them. */
  readonly stores: () => unknown
  /** Asked when nothing can happen any more: in which stores the order differs from the system of record. */
  readonly divergent: () => readonly string[]
}

export interface Exploration {
  readonly states: number
  readonly runs: bigint
  readonly divergentRuns: bigint
  /** The divergent run that changes its actor least often, then the shorter one; null when there is none. */
  readonly example: Example | null
}

export interface Example {
  /** Which event was chosen at each step: enough to run it again. */
  readonly choices: readonly number[]
  readonly trace: readonly string[]
  readonly divergent: readonly string[]
}

interface Future {
  readonly runs: bigint
  readonly divergentRuns: bigint
  /** The plainest ways to a divergent end, by the actor that goes first: whether that is a change depends on the past. */
  readonly divergent: readonly Tail[]
}

/** The rest of a divergent run. */
interface Tail {
  /** Null at the end of the run. */
  readonly actor: string | null
  readonly choices: readonly number[]
  readonly cost: number
}

/** Changes of the actor count most: a reader follows one of them at a time. */
const changeCost = 1_000

/** @throws when a run does not end within `stepsMax`, when code fails that should not, or `signal` fires. */
export async function explore(
  begin: () => Scene,
  options: { readonly stepsMax: number; readonly signal: AbortSignal; readonly onState?: (count: number) => void },
): Promise<Exploration> {
  const known = new Map<string, Future>()

  /** `scene` is where `choices` led; it is used up. */
  const futureOf = async (scene: Scene, choices: readonly number[]): Promise<Future> => {
    options.signal.throwIfAborted()
    const key = `${scene.world.fingerprint()} ${JSON.stringify(scene.stores())}`
    const before = known.get(key)
    if (before !== undefined) return before
    const events = scene.world.events()
    if (choices.length > options.stepsMax) throw new Error(`a run of more than ${options.stepsMax} steps`)
    let future: Future
    if (events.length === 0) {
      const diverged = scene.divergent().length > 0
      future = {
        runs: 1n,
        divergentRuns: diverged ? 1n : 0n,
        divergent: diverged ? [{ actor: null, choices: [], cost: 0 }] : [],
      }
    } else {
      let runs = 0n
      let divergentRuns = 0n
      const divergent = new Map<string, Tail>()
      for (const [index, { actor }] of events.entries()) {
        const rest = [...choices, index]
        // Code cannot be copied in the middle of its work: for each further event the run begins again.
        const next = await futureOf(index === 0 ? await step(scene, 0) : await replay(begin, rest), rest)
        runs += next.runs
        divergentRuns += next.divergentRuns
        for (const tail of next.divergent) {
          const cost = tail.cost + 1 + (tail.actor === actor ? 0 : changeCost)
          const best = divergent.get(actor)
          if (best === undefined || cost < best.cost) {
            divergent.set(actor, { actor, choices: [index, ...tail.choices], cost })
          }
        }
      }
      future = { runs, divergentRuns, divergent: [...divergent.values()] }
    }
    known.set(key, future)
    options.onState?.(known.size)
    return future
  }

  const { runs, divergentRuns, divergent: tails } = await futureOf(await replay(begin, []), [])
  const [plainest] = tails.toSorted((one, other) => one.cost - other.cost)
  return {
    states: known.size,
    runs,
    divergentRuns,
    example: plainest === undefined ? null : await tell(begin, plainest.choices),
  }
}

/** Runs these choices again. @returns the scene as they leave it. `onEvent` hears what happens. */
export async function replay(
  begin: () => Scene,
  choices: readonly number[],
  onEvent?: (event: WorldEvent) => void,
): Promise<Scene> {
  const scene = begin()
  await scene.world.settle()
  for (const choice of choices) await step(scene, choice, onEvent)
  return scene
}

async function step(scene: Scene, choice: number, onEvent?: (event: WorldEvent) => void): Promise<Scene> {
  const event = scene.world.events()[choice]
  if (event === undefined) throw new Error(`there is no choice ${choice} here`)
  event.happen()
  onEvent?.(event)
  await scene.world.settle()
  const [failure] = scene.world.failures()
  if (failure !== undefined) throw new Error('the code failed', { cause: failure })
  return scene
}

async function tell(begin: () => Scene, choices: readonly number[]): Promise<Example> {
  const happened: WorldEvent[] = []
  const scene = await replay(begin, choices, (event) => happened.push(event))
  const trace = happened.flatMap(({ actor, label }, index) => {
    // An answer that comes at once goes without saying.
    const heard = label.startsWith('hears the answer to: ') && happened[index - 1]?.actor === actor
    return heard ? [] : [`${actor}: ${label}`]
  })
  return { choices, trace, divergent: scene.divergent() }
}
