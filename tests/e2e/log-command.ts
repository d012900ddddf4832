/** One call of a TestLog: its name and its argument come as arguments, its answer goes out as the last line, in JSON. */
import { openTestLog, type TestRecord } from './log.ts'

const [call = '', argument = ''] = process.argv.slice(2)
const log = openTestLog([process.env['KAFKA_BROKERS'] ?? ''])
process.stdout.write(`${JSON.stringify((await answer()) ?? null)}\n`)

function answer(): Promise<unknown> {
  switch (call) {
    case 'census':
      return log.census()
    case 'publish':
      return log.publish(JSON.parse(argument) as readonly TestRecord[])
    case 'forgetGroups':
      return log.forgetGroups(JSON.parse(argument) as readonly string[])
    default:
      throw new Error(`A log by hand cannot ${call}`)
  }
}
