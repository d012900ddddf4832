/** Every experiment, in the order in which they are best read. */
import { outboxOrder } from './outbox-order/experiment.ts'
import type { Experiment } from './runner/experiment.ts'

export const experiments: readonly Experiment[] = [outboxOrder]
