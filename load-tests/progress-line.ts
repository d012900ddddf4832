/** Shows what is going on in one line: rewritten in place on a terminal, elsewhere a line whenever the step changes. */
export interface ProgressLine {
  /** `step` is what is being done; `detail` is how far it is. */
  show(step: string, detail?: string): void
  /** Takes the line away, so that what is printed next begins at the left. */
  clear(): void
}

const plainIntervalMs = 15_000

export function createProgressLine(stream: NodeJS.WriteStream): ProgressLine {
  let shownStep = ''
  let nextPlainMs = 0
  return {
    show(step, detail = '') {
      const text = detail === '' ? step : `${step}: ${detail}`
      if (stream.isTTY) {
        stream.write(`\r\u001B[2K${text.slice(0, Math.max(0, stream.columns - 1))}`)
        return
      }
      if (step === shownStep && performance.now() < nextPlainMs) return
      shownStep = step
      nextPlainMs = performance.now() + plainIntervalMs
      stream.write(`${text}\n`)
    },
    clear() {
      shownStep = ''
      if (stream.isTTY) stream.write('\r\u001B[2K')
    },
  }
}
