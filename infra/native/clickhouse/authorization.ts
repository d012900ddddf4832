/**
 * Decides whether a user may run a statement, from what the engine's own parser says the statement touches
 * (`EXPLAIN AST`). Pure: the caller fetches the tree.
 *
 * Invariant: deny by default. A kind of statement, a table function or a function that reads elsewhere is refused
 * unless it is listed here, so a construct that nobody thought of is refused, not allowed.
 */
import type { Privilege, Target } from './access-statement.ts'

export interface Requirement {
  readonly privilege: Privilege
  readonly target: Target
}

export type Requirements =
  | { readonly kind: 'privileges'; readonly required: readonly Requirement[] }
  | { readonly kind: 'refused'; readonly reason: string }

interface Node {
  readonly type: string
  readonly value: string
  readonly children: Node[]
}

const openTableFunctions = new Set([
  'numbers',
  'zeros',
  'generate_series',
  'generateseries',
  'values',
  'view',
  'input',
  'null',
])
const openSystemTables = new Set([
  'one',
  'numbers',
  'zeros',
  'databases',
  'tables',
  'columns',
  'functions',
  'formats',
  'settings',
])
const readingFunctions = /^(?:dict|joinGet|file$|catboost|getServerPort|addressTo|demangle)/i
const selects = new Set(['SelectWithUnionQuery', 'SelectQuery', 'SelectIntersectExceptQuery'])

/** What running the statement of this tree needs. `currentDatabase` stands in for names without one. */
export function requirementsOf(ast: string, currentDatabase: string, cteNames: ReadonlySet<string>): Requirements {
  const root = parseTree(ast)
  if (root === undefined) return { kind: 'refused', reason: 'the statement cannot be judged' }
  if (root.children.some((child) => child.type === 'Literal')) {
    return { kind: 'refused', reason: 'files are out of reach' }
  }
  const names = root.children.filter((child) => child.type === 'Identifier').map((child) => child.value)
  const named: Target | undefined =
    names.length > 1
      ? { database: names[0] ?? '', table: names[1] ?? '' }
      : names.length === 1
        ? { database: currentDatabase, table: names[0] ?? '' }
        : undefined
  const references = referencesIn(root, currentDatabase, cteNames)
  if (references.kind === 'refused') return references
  const withNamed = (privilege: Privilege): Requirements =>
    named === undefined
      ? { kind: 'refused', reason: 'the statement names no table' }
      : { kind: 'privileges', required: [{ privilege, target: named }, ...references.required] }

  if (selects.has(root.type) || root.type === 'DescribeQuery') return references
  switch (root.type) {
    case 'Explain':
      return root.children.every((child) => selects.has(child.type) || child.type === 'Set')
        ? references
        : { kind: 'refused', reason: 'only a SELECT may be explained' }
    case 'Set':
    case 'UseQuery':
      return { kind: 'privileges', required: [] }
    case 'ShowTables':
      return names[0] === undefined
        ? { kind: 'privileges', required: [] }
        : { kind: 'privileges', required: [{ privilege: 'SELECT', target: { database: names[0], table: '*' } }] }
    case 'ExistsTableQuery':
    case 'ExistsViewQuery':
    case 'ShowCreateTableQuery':
    case 'ShowCreateViewQuery':
      return withNamed('SELECT')
    case 'InsertQuery':
      return withNamed('INSERT')
    case 'AlterQuery':
      return withNamed('ALTER')
    default:
      return { kind: 'refused', reason: `${root.type} is the administrator's` }
  }
}

function referencesIn(root: Node, currentDatabase: string, cteNames: ReadonlySet<string>): Requirements {
  const required: Requirement[] = []
  const refer = (name: string): void => {
    const dot = name.indexOf('.')
    if (dot === -1) {
      if (!cteNames.has(name))
        required.push({ privilege: 'SELECT', target: { database: currentDatabase, table: name } })
      return
    }
    const target = { database: name.slice(0, dot), table: name.slice(dot + 1) }
    if (target.database === 'system' && openSystemTables.has(target.table)) return
    required.push({ privilege: 'SELECT', target })
  }
  const pending: Node[] = [root]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    pending.push(...node.children)
    if (node.type === 'TableIdentifier') refer(node.value)
    if (node.type === 'Function' && readingFunctions.test(node.value)) {
      return { kind: 'refused', reason: `the function ${node.value} reads more than tables` }
    }
    if (node.type === 'TableExpression') {
      const tableFunction = node.children.find((child) => child.type === 'Function')
      if (tableFunction !== undefined && !openTableFunctions.has(tableFunction.value.toLowerCase())) {
        return { kind: 'refused', reason: `the table function ${tableFunction.value} reads more than tables` }
      }
    }
    if (node.type === 'Function' && /^(?:global)?(?:not)?(?:null)?in(?:ignoreset)?$/i.test(node.value)) {
      const set = node.children[0]?.children[1]
      if (set?.type === 'Identifier') refer(set.value)
    }
  }
  return { kind: 'privileges', required }
}

/**
 * Reads the indented text of EXPLAIN AST: one blank a level, `Type value (alias a) (children n)`.
 *
 * Undefined for a text that is not exactly one tree with the counts it tells: a quoted name may hold line ends, and
 * lines that it forges must not hide a table.
 */
function parseTree(ast: string): Node | undefined {
  const root: Node = { type: 'root', value: '', children: [] }
  const path: Node[] = [root]
  const expectedChildren = new Map<Node, number>([[root, 1]])
  for (const line of ast.split('\n')) {
    if (line === '') continue
    const match = /^( *)(\S+)(.*?)(?: \(alias .*?\))?(?: \(children (\d+)\))?$/.exec(line)
    if (match === null) return undefined
    const [, indent = '', type = '', value = '', children = '0'] = match
    const parent = path[indent.length]
    if (parent === undefined) return undefined
    const node: Node = { type, value: value.trim(), children: [] }
    parent.children.push(node)
    expectedChildren.set(node, Number(children))
    path.length = indent.length + 1
    path.push(node)
  }
  const isWhole = [...expectedChildren].every(([node, count]) => node.children.length === count)
  return isWhole ? root.children[0] : undefined
}
