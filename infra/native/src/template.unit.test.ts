import { expect, test } from '@jest/globals'
import { fillTemplate } from './template.ts'

test('a template is filled, its comments left as they are', () => {
  expect(fillTemplate('# about ${X}\nport=${PORT_A}:${PORT_A}', { PORT_A: '1' })).toBe('# about ${X}\nport=1:1')
})

test('a template that mentions an unknown setting is refused', () => {
  expect(() => fillTemplate('port=${PORT_B}', {})).toThrow(/PORT_B/u)
})
