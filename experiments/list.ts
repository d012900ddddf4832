/** Every experiment, in the order in which they are best read. */
import { interleavings } from './interleavings/experiment.ts'
import type { Experiment } from './runner/experiment.ts'

export const experiments: readonly Experiment[] = [interleavings]
