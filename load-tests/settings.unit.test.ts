import { describe, expect, test } from '@jest/globals'
import {
  assertBounded,
  parseBaseUrls,
  parseDurationMs,
  parseLane,
  parseRate,
  parseSeed,
  SettingError,
} from './settings.ts'

describe('the settings of a load', () => {
  test.each([
    ['60s', 60_000],
    ['2m', 120_000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
  ])('%s is read as a time', (text, durationMs) => {
    expect(parseDurationMs(text)).toBe(durationMs)
  })

  test.each(['', '60', '0s', '1.5s', '-1s', '2h', '10ms', 'soon'])('"%s" is refused as a time', (text) => {
    expect(() => parseDurationMs(text)).toThrow(SettingError)
  })

  test.each(['', '0', '-5', '1.5', '1e9', 'fast'])('"%s" is refused as a rate', (text) => {
    expect(() => parseRate(text)).toThrow(SettingError)
  })

  test.each(['', '-1', '4294967296', 'x'])('"%s" is refused as a seed', (text) => {
    expect(() => parseSeed(text)).toThrow(SettingError)
  })

  test.each(['', 'CDC', '../cdc', 'a b'])('"%s" is refused as a lane', (text) => {
    expect(() => parseLane(text)).toThrow(SettingError)
  })

  test('addresses of this machine are accepted, spread over the instances', () => {
    expect(parseBaseUrls('http://127.0.0.1:13101/, http://localhost:13102,http://[::1]:13103')).toEqual([
      'http://127.0.0.1:13101',
      'http://localhost:13102',
      'http://[::1]:13103',
    ])
  })

  test('so are the instances of a compose project, by the names that only its own network knows', () => {
    const urls = ['http://driftlab-orders-cdc-1:8080', 'http://my_lab-orders-dual-write-12:8080']
    expect(parseBaseUrls(urls.join(','))).toEqual(urls)
  })

  test.each([
    'http://orders-cdc:8080',
    'http://driftlab-orders-cdc-1.example.com:8080',
    'http://10.0.0.1:13101',
    'http://orders.example.com',
    'http://127.0.0.1.example.com:80',
    'http://127.0.0.1:80@example.com',
    'http://localhost.example.com',
    'http://127.0.0.999:80',
    'https://127.0.0.1:13101',
    'http://127.0.0.1:13101,http://192.168.0.1:80',
    '',
    ' , ',
  ])('"%s" is refused: the load stays on this machine', (text) => {
    expect(() => parseBaseUrls(text)).toThrow(SettingError)
  })

  test('a run that would not end in sensible time is refused', () => {
    expect(() => {
      assertBounded({ rate: 5_000, durationMs: 3_600_000 })
    }).toThrow(/RATE times DURATION/)
    expect(() => {
      assertBounded({ rate: 200, durationMs: 60_000 })
    }).not.toThrow()
  })
})
