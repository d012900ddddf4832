import { expect, test } from '@jest/globals'
import { createPatience } from './settle.ts'

test('what is missing for good is not waited for', async () => {
  const patience = createPatience({ deadlineMs: 60_000, onProgress: () => undefined })
  let asked = 0
  const answer = await patience.until(() => {
    asked += 1
    return Promise.resolve({ missing: 'the place in the log', forGood: true })
  })
  expect({ asked, answer }).toMatchObject({ asked: 1, answer: { missing: 'the place in the log' } })
})

test('what may still come is asked for again', async () => {
  const patience = createPatience({ deadlineMs: 60_000, onProgress: () => undefined })
  const answers = [{ missing: 'a little' }, 'reached'] as const
  let asked = 0
  expect(await patience.until(() => Promise.resolve(answers[asked++] ?? 'reached'))).toBe('reached')
})
