import { deleteAt, documentOf, orderRow, upsertAt } from '@driftlab/sink-contract'
import { expect, test } from '@jest/globals'
import { projectInto } from './project.ts'

const project = projectInto('cdc')
const id = '01a20cb0-61e2-716c-b757-ebf929957ae0'

test('a row becomes its document under the order’s key', () => {
  const document = JSON.stringify(documentOf(orderRow(id, 3)))
  expect(project(upsertAt(4, orderRow(id, 3)))).toEqual([{ type: 'put', key: `cdc:order:${id}`, document, version: 5 }])
})

test('a delete removes the document and keeps the version', () => {
  expect(project(deleteAt(4, orderRow(id, 3)))).toEqual([{ type: 'remove', key: `cdc:order:${id}`, version: 5 }])
})

test.each([
  ['an unknown status', { status: 'lost' }],
  ['items that are not JSON', { items: 'not json' }],
  ['a missing column', { note: undefined }],
  ['an id that is no uuid', { id: 'x' }],
])('%s is refused by name', (_what, columns) => {
  expect(() => project(upsertAt(1, orderRow(id, 1, columns)))).toThrow(Object.keys(columns)[0])
})
