/** Runs experiments one after another: first those that need nothing, then the others on one laboratory. */
import { withScratchLab } from '../../infra/native/src/index.ts'
import { withLaboratory } from '../laboratory/laboratory.ts'
import type { Experiment } from './experiment.ts'
import type { Result } from './result.ts'
import { runExperiment, type RunOptions } from './run.ts'

export interface RunAllOptions extends Omit<RunOptions, 'laboratory'> {
  readonly onResult: (result: Result) => void
}

/** @throws when `signal` fires or the laboratory does not come up; what an experiment itself throws is its result. */
export async function runExperiments(
  experiments: readonly Experiment[],
  { onResult, ...options }: RunAllOptions,
): Promise<readonly Result[]> {
  const results: Result[] = []
  const run = async (experiment: Experiment, laboratory: RunOptions['laboratory']): Promise<void> => {
    const progress: RunOptions['progress'] = (step, detail) => {
      options.progress(`${experiment.name}, ${step}`, detail)
    }
    const result = await runExperiment(experiment, { ...options, laboratory, progress })
    onResult(result)
    results.push(result)
  }
  for (const experiment of experiments.filter(({ needs }) => needs === 'nothing')) await run(experiment, undefined)
  const onLaboratory = experiments.filter(({ needs }) => needs === 'laboratory')
  if (onLaboratory.length > 0) {
    const { signal } = options
    await withScratchLab({ name: 'experiments', signal }, async (opened) => {
      for (const experiment of onLaboratory) {
        await withLaboratory(opened, signal, (laboratory) => run(experiment, laboratory))
      }
    })
  }
  return results
}
