/**
 * The names of a lane's keys in each generation of its cache.
 *
 * The first generation has the names that people know, `<lane>:order:<id>`; until a rebuild there is no other, and neither
 * of the two keys below exists. A rebuild fills the keys behind another prefix, and one SET makes that the prefix which
 * readers and writers use. Who reads resolves the prefix anew for every answer that has to be current.
 */
import { laneNames } from '@driftlab/order'

export interface Generations {
  /** Holds the prefix of the current generation; when it does not exist, the first is current. */
  readonly prefixKey: string
  /** While it exists, writers wait: a rebuild is about to switch. It expires by itself. */
  readonly holdKey: string
  readonly firstPrefix: string
}

export function generationsOf(lane: string): Generations {
  return {
    prefixKey: `${lane}:orders:prefix`,
    holdKey: `${lane}:orders:hold`,
    firstPrefix: laneNames(lane).redisKey(''),
  }
}

/** `generation` counts from 1. */
export function prefixOf(lane: string, generation: number): string {
  return generation === 1 ? generationsOf(lane).firstPrefix : `${lane}:v${generation}:order:`
}

export function generationOf(prefix: string): number {
  return Number(/:v(\d+):order:$/.exec(prefix)?.[1] ?? 1)
}
