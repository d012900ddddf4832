import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { actionSchema, createControls, type Action, type Controls, type ControlsOptions } from './controls.ts'
import { rankOf } from './load.ts'

let done: string[]
let endLoad: () => void
let controls: Controls
const failures: unknown[] = []

beforeEach(() => {
  jest.useFakeTimers()
  done = []
  const record =
    (what: string) =>
    (subject: unknown): Promise<void> => {
      done.push(`${what} ${String(subject)}`)
      return Promise.resolve()
    }
  const lab: ControlsOptions['lab'] = {
    kill: record('kill'),
    pause: record('pause'),
    resume: record('resume'),
    restart: record('restart'),
    start: record('start'),
  }
  controls = createControls({
    lab,
    links: { cut: record('cut'), slow: record('slow'), mend: record('mend') },
    startLoad: ({ baseUrls, ratePerSecond }) => {
      done.push(`load ${baseUrls.join(' ')} ${ratePerSecond}`)
      const { promise, resolve } = Promise.withResolvers<undefined>()
      endLoad = () => {
        resolve(undefined)
      }
      return { ended: promise, stop: endLoad }
    },
    baseUrls: (lane) => [`http://${lane}`],
    onFailure: (error) => failures.push(error),
    faultMaxMs: 60_000,
  })
})
afterEach(() => {
  jest.useRealTimers()
  if (failures.length > 0) throw new AggregateError(failures, 'a fault could not be undone')
})

const log = (): readonly string[] => controls.state().log.map(({ text }) => text)

describe('a fault', () => {
  test.each([
    ['pause', 'resume redis', 'paused'],
    ['kill', 'start redis', 'killed'],
  ] as const)('%s is undone by whoever asks, and is on the list until then', async (action, undone, kind) => {
    await controls.act({ action, component: 'redis' })
    expect(controls.state().faults).toEqual([{ of: 'redis', kind, untilMs: Date.now() + 60_000 }])
    await controls.act({ action: 'undo', of: 'redis' })
    expect(done).toEqual([`${action} redis`, undone])
    expect(controls.state().faults).toEqual([])
    expect(log()).toHaveLength(2)
  })

  test('is undone by itself when its time is up, and not a second time', async () => {
    await controls.act({ action: 'pause', component: 'elasticsearch' })
    await jest.advanceTimersByTimeAsync(60_000)
    expect(done).toEqual(['pause elasticsearch', 'resume elasticsearch'])
    expect(log().at(-1)).toContain('time was up')
    await expect(controls.act({ action: 'undo', of: 'elasticsearch' })).rejects.toThrow('Nothing is wrong')
    await jest.advanceTimersByTimeAsync(600_000)
    expect(done).toHaveLength(2)
  })

  test('is undone a moment later when another command is at work just then', async () => {
    let busy = true
    const quiet = (): Promise<void> => Promise.resolve()
    const beside = createControls({
      lab: {
        kill: quiet,
        pause: quiet,
        resume: () => (busy ? Promise.reject(new Error('busy')) : quiet()),
        restart: quiet,
        start: quiet,
      },
      links: undefined,
      startLoad: () => ({ ended: Promise.resolve(), stop: () => undefined }),
      baseUrls: () => [],
      onFailure: (error) => failures.push(error),
      faultMaxMs: 60_000,
    })
    await beside.act({ action: 'pause', component: 'redis' })
    await jest.advanceTimersByTimeAsync(62_000)
    expect(beside.state().faults).toHaveLength(1)
    busy = false
    await jest.advanceTimersByTimeAsync(1_000)
    expect(beside.state().faults).toEqual([])
  })

  test('does not fall on what is hurt already', async () => {
    await controls.act({ action: 'pause', component: 'redis' })
    await expect(controls.act({ action: 'kill', component: 'redis' })).rejects.toThrow('paused already')
    expect(done).toEqual(['pause redis'])
  })

  test('that could not be done leaves nothing to undo', async () => {
    const broken = createControls({
      lab: {
        kill: () => Promise.reject(new Error('busy')),
        pause: () => Promise.resolve(),
        resume: () => Promise.resolve(),
        restart: () => Promise.resolve(),
        start: () => Promise.resolve(),
      },
      links: undefined,
      startLoad: () => ({ ended: Promise.resolve(), stop: () => undefined }),
      baseUrls: () => [],
      onFailure: (error) => failures.push(error),
    })
    await expect(broken.act({ action: 'kill', component: 'redis' })).rejects.toThrow('busy')
    expect(broken.state()).toMatchObject({ faults: [], log: [] })
    await jest.advanceTimersByTimeAsync(600_000)
  })

  test('a restart needs no undoing', async () => {
    await controls.act({ action: 'restart', component: 'connect' })
    expect(done).toEqual(['restart connect'])
    expect(controls.state().faults).toEqual([])
    expect(log()).toEqual(['connect is restarted', 'connect is ready again'])
  })
})

describe('a link', () => {
  const link = 'search-indexer-to-elasticsearch'

  test.each(['cut', 'slow'] as const)('that is %s is mended by whoever asks', async (action) => {
    await controls.act({ action, link })
    expect(controls.state().faults).toEqual([{ of: link, kind: action, untilMs: Date.now() + 60_000 }])
    await controls.act({ action: 'undo', of: link })
    expect(done).toEqual([`${action} ${link}`, `mend ${link}`])
    expect(controls.state().faults).toEqual([])
  })

  test('that is slow can be cut only after it was mended', async () => {
    await controls.act({ action: 'slow', link })
    await expect(controls.act({ action: 'cut', link })).rejects.toThrow('slow already')
  })

  test('is mended when its time is up', async () => {
    await controls.act({ action: 'cut', link })
    await jest.advanceTimersByTimeAsync(60_000)
    expect(done).toEqual([`cut ${link}`, `mend ${link}`])
    expect(log()).toEqual([`the link ${link} is cut`, `the link ${link} is mended, as its time was up`])
  })

  test('cannot be broken where there is none', async () => {
    const quiet = (): Promise<void> => Promise.resolve()
    const direct = createControls({
      lab: { kill: quiet, pause: quiet, resume: quiet, restart: quiet, start: quiet },
      links: undefined,
      startLoad: () => ({ ended: Promise.resolve(), stop: () => undefined }),
      baseUrls: () => [],
      onFailure: (error) => failures.push(error),
    })
    expect(direct.state().links).toEqual([])
    await expect(direct.act({ action: 'cut', link })).rejects.toThrow('LINKS is direct')
  })
})

describe('a load', () => {
  const start: Action = { action: 'start-load', lane: 'cdc', ratePerSecond: 50, skew: 'hot' }

  test('runs once for each lane until it is stopped', async () => {
    await controls.act(start)
    await expect(controls.act(start)).rejects.toThrow('already')
    expect(controls.state().loads).toMatchObject([{ lane: 'cdc', ratePerSecond: 50, skew: 'hot' }])
    await controls.act({ action: 'stop-load', lane: 'cdc' })
    expect(controls.state().loads).toEqual([])
    expect(done).toEqual(['load http://cdc 50'])
    await expect(controls.act({ action: 'stop-load', lane: 'cdc' })).rejects.toThrow('no load')
  })

  test('that ends by itself is taken off the list, and can be started again', async () => {
    await controls.act(start)
    endLoad()
    await jest.advanceTimersByTimeAsync(0)
    expect(controls.state().loads).toEqual([])
    await controls.act(start)
    expect(done).toHaveLength(2)
  })

  test('ends with the controls', async () => {
    await controls.act(start)
    await controls.close()
    expect(controls.state().loads).toEqual([])
  })
})

test('the log keeps the newest hundred', async () => {
  for (let round = 0; round < 80; round += 1) await controls.act({ action: 'restart', component: 'kafka' })
  expect(log()).toHaveLength(100)
})

test.each([
  { action: 'kill', component: 'postgres' },
  { action: 'kill', component: 'dashboard' },
  { action: 'start-load', lane: 'cdc', ratePerSecond: 301, skew: 'hot' },
  { action: 'start-load', lane: 'cdc', ratePerSecond: 10, skew: 'wild' },
  { action: 'start-load', lane: 'event-sourcing', ratePerSecond: 10, skew: 'hot' },
  { action: 'undo', of: 'redis', and: 'more' },
  { action: 'cut', link: 'queries-to-redis' },
  { action: 'cut', component: 'redis' },
  { action: 'format', component: 'redis' },
])('no action: %j', (action) => {
  expect(actionSchema.safeParse(action).success).toBe(false)
})

describe('a rank', () => {
  test('is one of those there are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom(0, 0.8, 1.6),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (count, exponent, drawn) => {
          const rank = rankOf(count, exponent, () => drawn)
          expect(rank).toBeGreaterThanOrEqual(0)
          expect(rank).toBeLessThan(count)
        },
      ),
    )
  })

  test('is low the more often the higher the exponent', () => {
    const draws = Array.from({ length: 1_000 }, (_, index) => (index + 0.5) / 1_000)
    const firsts = [0, 0.8, 1.6].map(
      (exponent) => draws.filter((drawn) => rankOf(100, exponent, () => drawn) === 0).length,
    )
    expect(firsts).toEqual([...firsts].sort((one, other) => one - other))
    expect(firsts[0]).toBe(10)
    expect(firsts[2]).toBeGreaterThan(300)
  })
})
