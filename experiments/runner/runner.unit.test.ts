import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { experiments } from '../list.ts'
import { composeVerdicts, defineExperiment, type Definition, type Finding } from './experiment.ts'
import { renderPage } from './page.ts'
import { between, recordedIn, renderStrategies } from './readme.ts'
import { readResults } from './result.ts'
import { runExperiment, type RunOptions } from './run.ts'

let resultsDir: string
let options: RunOptions
beforeEach(async () => {
  resultsDir = await mkdtemp(join(tmpdir(), 'experiments-'))
  options = {
    resultsDir,
    seed: 7,
    quick: true,
    signal: new AbortController().signal,
    progress: () => undefined,
    laboratory: undefined,
  }
})
afterEach(async () => {
  await rm(resultsDir, { recursive: true })
})

const holds: Finding = { verdict: 'holds', because: 'it did' }

/** Claims that no number is greater than 5. */
function experimentOf(changes: Partial<Definition<number>>) {
  return defineExperiment<number>({
    name: 'small-numbers',
    claim: 'Numbers are small.',
    refutedBy: 'A large one.',
    needs: 'nothing',
    entry: z.number(),
    run: ({ record }) => {
      record(1)
      record(2)
      return Promise.resolve()
    },
    checks: [
      {
        statement: 'none is greater than 5',
        check: (history) => {
          const evidence = history.filter((value) => value > 5)
          return evidence.length === 0 ? holds : { verdict: 'refuted', because: 'some are', evidence }
        },
      },
    ],
    report: (history) => ({
      tables: [{ title: 'Numbers', head: ['number'], rows: history.map((value) => [String(value)]) }],
      charts: [],
      facts: [{ strategy: 'counting', against: 'numbers', fact: `${history.length} seen` }],
    }),
    ...changes,
  })
}

describe('a run', () => {
  test('that could have refuted its claim and did not, holds, and leaves result and history behind', async () => {
    const result = await runExperiment(experimentOf({}), options)
    expect(result).toMatchObject({ verdict: 'holds', entries: 2, seed: 7, quick: true, error: null, versions: {} })
    expect(await readResults(resultsDir)).toEqual([result])
    expect(await readFile(join(resultsDir, 'small-numbers', 'history.jsonl'), 'utf8')).toBe('1\n2\n')
  })

  test('that saw a counterexample is refuted, with the evidence', async () => {
    const experiment = experimentOf({
      run: ({ record }) => {
        record(9)
        return Promise.resolve()
      },
    })
    const result = await runExperiment(experiment, options)
    expect(result).toMatchObject({ verdict: 'refuted', findings: [{ evidence: [9] }] })
  })

  test('that recorded nothing is unknown, whatever its checks say of nothing', async () => {
    const nothing = experimentOf({
      run: () => Promise.resolve(),
      checks: [{ statement: 'all is well', check: () => holds }],
    })
    expect(await runExperiment(nothing, options)).toMatchObject({ verdict: 'unknown', entries: 0 })
  })

  test('without a check is unknown', async () => {
    expect(await runExperiment(experimentOf({ checks: [] }), options)).toMatchObject({ verdict: 'unknown' })
  })

  test('that is quick is not judged by its speed, and a full one is', async () => {
    const slow: Finding = { verdict: 'refuted', because: 'it was slow' }
    const experiment = experimentOf({
      checks: [
        { statement: 'it is right', check: () => holds },
        { statement: 'it is fast', check: () => slow, onlyInFull: 'it is about speed' },
      ],
    })
    expect(await runExperiment(experiment, options)).toMatchObject({ verdict: 'holds' })
    expect(await runExperiment(experiment, { ...options, quick: false })).toMatchObject({ verdict: 'refuted' })
  })

  test('whose check throws is unknown, and says why', async () => {
    const check = (): Finding => {
      throw new Error('no such column')
    }
    const result = await runExperiment(experimentOf({ checks: [{ statement: 'broken', check }] }), options)
    expect(result).toMatchObject({
      verdict: 'unknown',
      findings: [{ because: 'the check itself failed: no such column' }],
    })
  })

  test('that broke off is unknown, though what it saw until then is judged', async () => {
    const experiment = experimentOf({
      run: ({ record }) => {
        record(1)
        return Promise.reject(new Error('the store went away'))
      },
    })
    const result = await runExperiment(experiment, options)
    expect(result).toMatchObject({ verdict: 'unknown', entries: 1, findings: [{ verdict: 'holds' }] })
    expect(result.error).toContain('the store went away')
  })

  test('that records an entry of another shape is unknown', async () => {
    const experiment = experimentOf({
      run: ({ record }) => {
        record(Number.NaN)
        return Promise.resolve()
      },
    })
    expect(await runExperiment(experiment, options)).toMatchObject({ verdict: 'unknown', entries: 0 })
  })

  test('that asks for a laboratory without having said so is unknown', async () => {
    const experiment = experimentOf({
      run: ({ laboratory }) => {
        laboratory()
        return Promise.resolve()
      },
    })
    const result = await runExperiment(experiment, options)
    expect(result.error).toContain('small-numbers says that it needs no laboratory')
  })

  test('that is interrupted leaves no result', async () => {
    const interruption = new AbortController()
    const experiment = experimentOf({
      run: ({ record, signal }) => {
        record(1)
        interruption.abort(new Error('Interrupted.'))
        signal.throwIfAborted()
        return Promise.resolve()
      },
    })
    await expect(runExperiment(experiment, { ...options, signal: interruption.signal })).rejects.toThrow('Interrupted.')
    expect(await readResults(resultsDir)).toEqual([])
  })

  test('draws the same random numbers from the same seed', async () => {
    const experiment = experimentOf({
      run: ({ record, random }) => {
        for (let count = 0; count < 5; count += 1) record(random())
        return Promise.resolve()
      },
    })
    const drawn = async (seed: number): Promise<unknown> =>
      (await runExperiment(experiment, { ...options, seed })).tables[0]?.rows
    const first = await drawn(1)
    expect(await drawn(1)).toEqual(first)
    expect(await drawn(2)).not.toEqual(first)
  })
})

test('a claim holds only when each of its parts does', () => {
  expect(composeVerdicts(['holds', 'holds'])).toBe('holds')
  expect(composeVerdicts(['holds', 'unknown'])).toBe('unknown')
  expect(composeVerdicts(['unknown', 'refuted'])).toBe('refuted')
  expect(composeVerdicts([])).toBe('unknown')
})

describe('what is written of a result', () => {
  test('a page escapes what is not its own and holds the verdict', async () => {
    const result = await runExperiment(experimentOf({ claim: '<script>alert(1)</script>' }), options)
    const page = renderPage([result])
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(page).not.toContain('<script>')
    expect(page).toContain('<span class="holds">holds</span>')
  })

  test('a document keeps what stands around the marks, and one without marks is refused', () => {
    const marks = ['<!-- result: written by RECORD=1 make experiment -->', '<!-- end of the result -->'] as const
    const document = `before\n${marks[0]}\nold\n${marks[1]}\nafter\n`
    expect(between(document, 'new\n')).toBe(`before\n${marks[0]}\n\nnew\n\n${marks[1]}\nafter\n`)
    expect(() => between('nothing', 'new')).toThrow('no place for a result')
  })

  test('the tour says what a README says, and of one without a result that there is none', () => {
    expect(recordedIn('x\n\n**holds**, on 2026-11-25, 2 cores, in 7 s')).toEqual(['holds', '2026-11-25'])
    expect(recordedIn('it **holds**, on 2026-11-25,')).toEqual(['not recorded', ''])
  })

  test('the table of strategies has a column for what many were put against, and a line for what few were', async () => {
    const result = await runExperiment(experimentOf({}), options)
    const others = ['a', 'b', 'c', 'd'].map((strategy) => ({ strategy, against: 'a crash', fact: `${strategy} lost` }))
    const text = renderStrategies([result, { ...result, facts: others }])
    expect(text).toMatch(/^\| strategy \| a crash \|$/m)
    expect(text).toMatch(/^\| b {8}\| b lost {2}\|$/m)
    expect(text).toMatch(/^\| numbers \| counting \| 2 seen {8}\|$/m)
  })
})

describe.each(experiments)('$name', ({ name, claim, refutedBy, statements }) => {
  test('its README makes the same claim, and has a place for the result', async () => {
    const readme = (await readFile(join(import.meta.dirname, '..', name, 'README.md'), 'utf8')).replaceAll(/\s+/g, ' ')
    expect(readme).toContain(claim)
    expect(readme).toContain(refutedBy)
    expect(() => between(readme, '')).not.toThrow()
    expect(statements.length).toBeGreaterThan(0)
  })
})
