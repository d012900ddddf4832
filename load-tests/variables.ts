/** The variables of a load as zod reads them, with their defaults; `make load-test` and `make demo` share them. */
import { z } from 'zod'
import { parseDurationMs, parseLane, parseRate, parseSeed, SettingError } from './settings.ts'

export const loadVariables = {
  LANE: variable(parseLane),
  RATE: variable(parseRate).default(150),
  DURATION: variable(parseDurationMs).default(60_000),
  SEED: variable(parseSeed).default(7),
} as const

function variable<T>(parse: (text: string) => T): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof SettingError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  })
}
