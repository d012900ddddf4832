import { expect, test } from '@jest/globals'
import { registryOf } from './images.ts'

test.each([
  ['redis:8', 'docker.io'],
  ['apache/kafka:4.2.1', 'docker.io'],
  ['quay.io/debezium/connect:3.7.0.Final', 'quay.io'],
  ['localhost/mine:1', 'localhost'],
  ['127.0.0.1:5000/mine:1', '127.0.0.1:5000'],
])('%s comes from %s', (image, registry) => {
  expect(registryOf(image)).toBe(registry)
})
