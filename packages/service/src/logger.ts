import { pino, type Logger as PinoLogger } from 'pino'

export type Logger = PinoLogger
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/**
 * One JSON object a line on standard output, with the service's name in every line.
 *
 * Secrets never reach the log: fields that usually carry one are cut, whatever object is logged.
 */
export function createLogger(service: string, level: LogLevel = 'info'): Logger {
  const destination = pino.destination({ dest: process.stdout.fd, sync: true })
  // Nobody reads the log any more (a closed pipe). Nothing may be done unseen, so the process ends as it would on a
  // crash; whatever it had not acknowledged is done again by the next one.
  destination.on('error', () => process.exit(1))
  return pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: [
          'password',
          '*.password',
          'authorization',
          '*.authorization',
          'headers.authorization',
          '*.headers.authorization',
          'url',
          '*.url',
        ],
        remove: true,
      },
    },
    destination,
  )
}
