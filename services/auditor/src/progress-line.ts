import type { AuditProgress } from './audit.ts'

/** Shows what an audit is doing: one line that is rewritten on a terminal, else a line now and then. */
export function createProgressLine(stream: NodeJS.WriteStream): {
  readonly show: (progress: AuditProgress) => void
  readonly clear: () => void
} {
  const plainIntervalMs = 5_000
  let nextPlainMs = performance.now() + plainIntervalMs
  return {
    show: ({ lane, message }) => {
      const text = `${lane}: ${message}`
      if (stream.isTTY) {
        stream.write(`\r\u001b[2K${text.slice(0, stream.columns - 1)}`)
      } else if (performance.now() >= nextPlainMs) {
        nextPlainMs = performance.now() + plainIntervalMs
        stream.write(`${text}\n`)
      }
    },
    clear: () => {
      if (stream.isTTY) stream.write('\r\u001b[2K')
    },
  }
}
