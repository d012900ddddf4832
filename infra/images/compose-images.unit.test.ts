import { expect, test } from '@jest/globals'
import { composeImages } from './compose-images.ts'

test('every image has a name and a tag, and no variable is left in it', async () => {
  const images = await composeImages({})
  expect([...images.keys()]).toEqual(expect.arrayContaining(['node', 'postgres', 'kafka', 'connect', 'redis', 'k6']))
  expect([...images.values()].filter((image) => !/^[^\s:$]+:[\w.-]+$/.test(image))).toEqual([])
})

test('a variable takes the place of the pinned one, unless it is empty', async () => {
  const images = await composeImages({ REDIS_IMAGE: 'mirror.example/redis:8', POSTGRES_IMAGE: '' })
  expect(images.get('redis')).toBe('mirror.example/redis:8')
  expect(images.get('postgres')).toMatch(/^postgres:/)
})

test('what comes out of our Dockerfile is not among them', async () => {
  const images = await composeImages({})
  expect([...images.values()].filter((image) => image.startsWith('driftlab/'))).toEqual([])
})
