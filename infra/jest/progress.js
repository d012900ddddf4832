/** Says of each long test how it went as soon as it has ended: Jest itself speaks only after a whole file. */
export default class Progress {
  onTestCaseResult({ context }, { status, title, duration }) {
    if (!['e2e', 'compose'].includes(context.config.displayName?.name) || (status !== 'passed' && status !== 'failed'))
      return
    process.stderr.write(`  ${status} ${title} (${((duration ?? 0) / 1_000).toFixed(0)} s)\n`)
  }
}
