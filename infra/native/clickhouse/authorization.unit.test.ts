import { describe, expect, test } from '@jest/globals'
import { requirementsOf } from './authorization.ts'

/** Writes a node and its subtrees as EXPLAIN AST does, with the count of children. */
function node(line: string, ...children: readonly string[]): string {
  const count = children.length === 0 ? '' : ` (children ${children.length})`
  return [line + count, ...children.flatMap((child) => child.split('\n').map((below) => ` ${below}`))].join('\n')
}

const select = (...parts: readonly string[]): string =>
  node('SelectWithUnionQuery', node('ExpressionList', node('SelectQuery', ...parts)))

describe('requirementsOf', () => {
  test('a table in a subquery needs SELECT like any other', () => {
    const ast = select(
      node('TableExpression', node('TableIdentifier cdc.orders (alias o)')),
      node('Function in', node('ExpressionList', node('Identifier id'), node('Identifier secret.ids'))),
    )
    expect(requirementsOf(ast, 'default', new Set())).toEqual({
      kind: 'privileges',
      required: expect.arrayContaining([
        { privilege: 'SELECT', target: { database: 'cdc', table: 'orders' } },
        { privilege: 'SELECT', target: { database: 'secret', table: 'ids' } },
      ]) as unknown,
    })
  })

  test('a name without a database is one of the current database, unless a WITH made it', () => {
    const ast = select(node('TableExpression', node('TableIdentifier t')))
    expect(requirementsOf(ast, 'cdc', new Set())).toMatchObject({
      required: [{ target: { database: 'cdc', table: 't' } }],
    })
    expect(requirementsOf(ast, 'cdc', new Set(['t']))).toMatchObject({ required: [] })
  })

  test.each(['file', 'url', 'remote', 'merge', 'aFunctionOfTheFuture'])('the table function %s is refused', (name) => {
    const ast = select(node('TableExpression', node(`Function ${name}`)))
    expect(requirementsOf(ast, 'default', new Set()).kind).toBe('refused')
  })

  test.each(['DropQuery cdc orders', 'CreateQuery a b', 'SYSTEM query', 'OptimizeQuery a b', 'KillQuery'])(
    'a statement that is not listed is refused: %s',
    (root) => {
      expect(requirementsOf(root, 'default', new Set()).kind).toBe('refused')
    },
  )

  test('an INSERT into a table needs INSERT, one into a function is refused', () => {
    expect(requirementsOf(node('InsertQuery  ', node('Identifier b'), node('Identifier u')), 'a', new Set())).toEqual({
      kind: 'privileges',
      required: [{ privilege: 'INSERT', target: { database: 'b', table: 'u' } }],
    })
    const intoFunction = node('InsertQuery  ', node('Function file', node('ExpressionList')))
    expect(requirementsOf(intoFunction, 'a', new Set()).kind).toBe('refused')
  })

  test('ALTER needs ALTER on its table, and SELECT on what its condition reads', () => {
    const ast = node(
      'AlterQuery b u',
      node('ExpressionList', node('TableExpression', node('TableIdentifier c.d'))),
      node('Identifier b'),
      node('Identifier u'),
    )
    expect(requirementsOf(ast, 'default', new Set())).toEqual({
      kind: 'privileges',
      required: [
        { privilege: 'ALTER', target: { database: 'b', table: 'u' } },
        { privilege: 'SELECT', target: { database: 'c', table: 'd' } },
      ],
    })
  })

  test.each([
    ['a second tree', 'SelectQuery\nSelectQuery'],
    ['a count that is wrong', 'SelectQuery (children 2)\n ExpressionList'],
    ['a level that is skipped', 'SelectQuery (children 1)\n   TableIdentifier t'],
    ['nothing', ''],
  ])('a tree that a forged name may have bent is refused: %s', (_, ast) => {
    expect(requirementsOf(ast, 'default', new Set()).kind).toBe('refused')
  })
})
