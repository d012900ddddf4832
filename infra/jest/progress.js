/** Says of each end-to-end test how it went as soon as it has ended: Jest itself speaks only after a whole file. */
export default class Progress {
  onTestCaseResult({ context }, { status, title, duration }) {
    if (context.config.displayName?.name !== 'e2e' || (status !== 'passed' && status !== 'failed')) return
    process.stderr.write(`  ${status} ${title} (${((duration ?? 0) / 1_000).toFixed(0)} s)\n`)
  }
}
