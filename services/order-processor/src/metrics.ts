import { Counter, Histogram, type Registry } from 'prom-client'
import type { DecidedBatch } from './decide-batch.ts'

export interface ProcessorMetrics {
  readonly onDecided: (decided: DecidedBatch, durationMs: number) => void
  readonly onTransactionFailed: () => void
}

export function processorMetrics(registry: Registry): ProcessorMetrics {
  const registers = [registry]
  const commands = new Counter({
    name: 'order_processor_commands_total',
    help: 'Commands decided, by what became of them; one that is decided again counts again',
    labelNames: ['result'],
    registers,
  })
  const events = new Counter({ name: 'order_processor_events_total', help: 'Domain events recorded', registers })
  const batches = new Histogram({
    name: 'order_processor_batch_seconds',
    help: 'From a batch of commands at hand to its transaction committed',
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
    registers,
  })
  const failures = new Counter({
    name: 'order_processor_transactions_failed_total',
    help: 'Transactions that the log refused or did not answer; their commands are decided again',
    registers,
  })
  return {
    onDecided: (decided, durationMs) => {
      for (const { result } of decided.outcomes) commands.inc({ result: result.status })
      events.inc(decided.events.length)
      batches.observe(durationMs / 1_000)
    },
    onTransactionFailed: () => {
      failures.inc()
    },
  }
}
