import { describe, expect, test } from '@jest/globals'
import { isComposeNewEnough, withoutContext } from './plugins.ts'

describe('compose', () => {
  test.each(['2.30.0', 'v2.39.1', '5.5.1', '2.40.3+ds1', '10.0.0\n'])('%j will do', (version) => {
    expect(isComposeNewEnough(version)).toBe(true)
  })

  test.each(['2.29.7', '1.29.2', 'v2.3.4', '', 'dev'])('%j will not', (version) => {
    expect(isComposeNewEnough(version)).toBe(false)
  })
})

describe('the settings of docker', () => {
  test('keep what registries ask for, and forget the context', () => {
    const settings = JSON.stringify({ auths: { 'ghcr.io': { auth: 'eDp5' } }, currentContext: 'remote' })
    expect(JSON.parse(withoutContext(settings))).toEqual({ auths: { 'ghcr.io': { auth: 'eDp5' } } })
  })

  test('may be absent', () => {
    expect(withoutContext(undefined)).toBe('{}')
  })
})
