import { deleteAt, documentOf, orderRow, upsertAt } from '@driftlab/sink-contract'
import { expect, test } from '@jest/globals'
import { project } from './project.ts'

const id = '01a20cb0-61e2-716c-b757-ebf929957ae0'

test('a row becomes its document under the order’s id', () => {
  const document = JSON.stringify(documentOf(orderRow(id, 3)))
  expect(project(upsertAt(4, orderRow(id, 3)))).toEqual([{ type: 'index', key: id, document, version: 5 }])
})

test('a delete leaves a marker with the time of its commit', () => {
  expect(project(deleteAt(4, orderRow(id, 3)))).toEqual([
    { type: 'soft-delete', key: id, deletedAt: '2026-01-02T00:00:00.004Z', version: 5 },
  ])
})
