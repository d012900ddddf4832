import { expect, test } from '@jest/globals'
import { age, bytes, count, list, milliseconds, number, plural } from './format.ts'

test('what is not known is a dash, and never 0', () => {
  expect([number(null), count(null), milliseconds(null), bytes(null)]).toEqual(['–', '–', '–', '–'])
  expect([number(0), count(0), milliseconds(0), bytes(0)]).toEqual(['0', '0', '0 ms', '0 B'])
})

test('small numbers keep a digit behind the point, large ones are grouped', () => {
  expect([number(2.34), number(149.6), count(12_345)]).toEqual(['2.3', '150', '12,345'])
  expect([milliseconds(9.44), milliseconds(9_999), milliseconds(12_340)]).toEqual(['9.4 ms', '9,999 ms', '12 s'])
  expect([bytes(1_023), bytes(1_536), bytes(5 * 1_024 ** 2)]).toEqual(['1,023 B', '1.5 KiB', '5 MiB'])
})

test('an age is in the largest unit that says enough, and never negative', () => {
  expect([age(0, 119_000), age(0, 120_000), age(0, 7_200_000), age(5_000, 0)]).toEqual(['119 s', '2 min', '2 h', '0 s'])
})

test('words are put together as people say them', () => {
  expect([plural(1, 'order', 'orders'), plural(1_000, 'order', 'orders')]).toEqual(['1 order', '1,000 orders'])
  expect([list([]), list(['a']), list(['a', 'b', 'c'])]).toEqual(['', 'a', 'a, b and c'])
})
