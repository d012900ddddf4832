/**
 * Holds a PromQL expression against the metrics that exist, with Prometheus's own grammar. Pure.
 *
 * Prometheus answers a misspelt name with no data, which on a dashboard looks like peace. So here it is a fault: a
 * metric or a label that nobody exposes, a value that no series has, a rate of something that can fall, a match of sides
 * whose labels differ.
 */
import { parser } from '@prometheus-io/lezer-promql'
import type { Catalog, Metric } from './exposition.ts'

type Node = ReturnType<typeof parser.parse>['topNode']

export interface Finding {
  /** What is wrong, in words; empty when nothing is. */
  readonly faults: readonly string[]
  /** The labels that every series of the answer has. */
  readonly labels: ReadonlySet<string>
}

/** The answer of a part: its labels, or `scalar`, or `unknown` after a fault, which is not to bring forth others. */
type Shape = ReadonlySet<string> | 'scalar' | 'unknown'

const none: ReadonlySet<string> = new Set()
const ofCounters = new Set(['rate', 'irate', 'increase', 'resets'])
const ofGauges = new Set(['delta', 'idelta', 'deriv', 'predict_linear'])
const scalars = new Set(['time', 'scalar', 'pi'])
const setOperators = new Set(['And', 'Or', 'Unless'])

export function check(expression: string, catalog: Catalog): Finding {
  const faults: string[] = []
  const tree = parser.parse(expression)
  const text = (node: Node): string => expression.slice(node.from, node.to)
  const fault = (what: string): 'unknown' => {
    faults.push(what)
    return 'unknown'
  }

  tree.iterate({
    enter: ({ type, from }) => {
      if (type.isError) fault(`this is not PromQL at character ${from + 1}: ${expression}`)
    },
  })
  if (faults.length > 0) return { faults, labels: none }

  const shapeOf = (node: Node): Shape => {
    switch (node.name) {
      case 'VectorSelector':
        return selector(node)
      case 'AggregateExpr':
        return aggregate(node)
      case 'FunctionCall':
        return call(node)
      case 'BinaryExpr':
        return binary(node)
      case 'NumberDurationLiteral':
      case 'StringLiteral':
        return 'scalar'
      case 'PromQL':
      case 'ParenExpr':
      case 'UnaryExpr':
      case 'OffsetExpr':
      case 'MatrixSelector':
      case 'SubqueryExpr':
        return shapeOf(only(operands(node)))
      default:
        return fault(`nobody has taught this check about ${node.name}`)
    }
  }

  const selector = (node: Node): Shape => {
    const identifier = node.getChild('Identifier')
    if (identifier === null) return fault(`a selector that names no metric: ${text(node)}`)
    const name = text(identifier)
    const metric = catalog.get(name)
    if (metric === undefined) return fault(`there is no metric ${name}`)
    for (const matcher of matchersOf(node)) checkMatcher(name, metric, matcher)
    return new Set(metric.labels.keys())
  }

  const checkMatcher = (name: string, { labels }: Metric, matcher: Node): void => {
    const [written = '', operator = '', literal = ''] = children(matcher).map(text)
    const label = written.replaceAll(/["']/gu, '')
    const values = labels.get(label)
    const value = literal.slice(1, -1)
    if (values === undefined) {
      fault(`${name} has no label ${label}`)
      // A variable of the dashboard stands for values that were read from the metrics.
    } else if (values !== 'any' && !value.includes('$')) {
      const matches = operator.endsWith('~')
        ? (seen: string) => new RegExp(`^(?:${value})$`, 'u').test(seen)
        : (seen: string) => seen === value
      if (![...values].some(matches)) fault(`no ${label} of ${name} is ${value}`)
    }
  }

  const requireLabels = (shape: Shape, wanted: readonly string[], where: Node): void => {
    if (shape === 'unknown') return
    const present = shape === 'scalar' ? none : shape
    for (const label of wanted) if (!present.has(label)) fault(`${text(where)} has no label ${label}`)
  }

  const aggregate = (node: Node): Shape => {
    const [inner] = operands(only(node.getChildren('FunctionCallBody'))).slice(-1)
    if (inner === undefined) return fault(`nothing to aggregate: ${text(node)}`)
    const shape = shapeOf(inner)
    const modifier = node.getChild('AggregateModifier')
    const labels = modifier === null ? [] : (labelNames(modifier)[0] ?? [])
    requireLabels(shape, labels, inner)
    if (shape === 'unknown' || shape === 'scalar') return shape
    if (modifier?.getChild('Without') != null) return minus(shape, labels)
    return /^(topk|bottomk)/iu.test(text(node)) ? shape : new Set(labels)
  }

  const call = (node: Node): Shape => {
    const name = text(only(node.getChildren('FunctionIdentifier')))
    const parameters = operands(only(node.getChildren('FunctionCallBody')))
    if (scalars.has(name)) {
      for (const parameter of parameters) shapeOf(parameter)
      return 'scalar'
    }
    const shapes = parameters.map(shapeOf)
    const strings = parameters.map((parameter) => text(parameter).slice(1, -1))
    const vector = parameters.find((_parameter, index) => shapes[index] !== 'scalar')
    const shape = shapes.find((candidate) => candidate !== 'scalar')
    if (name === 'vector') return none
    if (vector === undefined || shape === undefined) return fault(`${name} is given no vector: ${text(node)}`)
    if (ofCounters.has(name) || ofGauges.has(name)) checkRange(name, vector)
    if (shape === 'unknown') return shape
    switch (name) {
      case 'histogram_quantile':
        requireLabels(shape, ['le'], vector)
        return minus(shape, ['le'])
      case 'label_join':
        requireLabels(shape, strings.slice(3), vector)
        return new Set([...shape, strings[1] ?? ''])
      case 'label_replace':
        requireLabels(shape, strings.slice(3, 4), vector)
        return new Set([...shape, strings[1] ?? ''])
      case 'absent':
        return equalLabels(vector)
      default:
        return shape
    }
  }

  /** Only what is asked for by an equality is known of something that is not there. */
  const equalLabels = (vector: Node): Shape =>
    new Set(
      matchersOf(vector)
        .filter((matcher) => matcher.getChild('MatchOp')?.getChild('EqlSingle') != null)
        .map((matcher) => text(only(matcher.getChildren('LabelName')))),
    )

  const checkRange = (name: string, vector: Node): void => {
    if (vector.name !== 'MatrixSelector') {
      fault(`${name} wants a range: ${text(vector)}`)
      return
    }
    const identifier = vector.getChild('VectorSelector')?.getChild('Identifier')
    const series = identifier == null ? '' : text(identifier)
    const type = catalog.get(series)?.type
    if (ofCounters.has(name) && type === 'gauge')
      fault(`${series} is a gauge: ${name} would take each fall for a restart`)
    if (ofGauges.has(name) && type === 'counter') fault(`${series} is a counter: ${name} does not know of restarts`)
  }

  const binary = (node: Node): Shape => {
    const [left, right] = operands(node)
    if (left === undefined || right === undefined) return fault(`half an operation: ${text(node)}`)
    const [a, b] = [shapeOf(left), shapeOf(right)]
    if (a === 'unknown' || b === 'unknown') return 'unknown'
    if (a === 'scalar') return b
    if (b === 'scalar') return a
    const operator = children(node).find(({ name }) => setOperators.has(name))?.name
    if (operator === 'Or') return new Set([...a].filter((label) => b.has(label)))

    const clause = node.getChild('MatchingModifierClause')
    const [labels = [], included = []] = clause === null ? [] : labelNames(clause)
    const on = clause?.getChild('On') != null
    if (on) {
      requireLabels(a, labels, left)
      requireLabels(b, labels, right)
    } else {
      const [matchedLeft, matchedRight] = [minus(a, labels), minus(b, labels)]
      const unmatched = [...minus(matchedLeft, [...matchedRight]), ...minus(matchedRight, [...matchedLeft])]
      if (unmatched.length > 0)
        fault(`the sides can never match, for one has no ${unmatched.join(', ')}: ${text(node)}`)
    }
    if (operator !== undefined) return a
    if (clause?.getChild('GroupLeft') != null) return new Set([...a, ...included])
    if (clause?.getChild('GroupRight') != null) return new Set([...b, ...included])
    return on ? new Set(labels) : minus(a, labels)
  }

  /** Those of each pair of parentheses. */
  const labelNames = (clause: Node): readonly (readonly string[])[] =>
    clause.getChildren('GroupingLabels').map((group) => group.getChildren('LabelName').map(text))

  const shape = shapeOf(tree.topNode)
  return { faults, labels: shape === 'scalar' || shape === 'unknown' ? none : shape }
}

/** The grammar calls every node that has a value an Expr. */
function operands(node: Node): readonly Node[] {
  return node.getChildren('Expr')
}

function children(node: Node): readonly Node[] {
  const found: Node[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(child)
  return found
}

function matchersOf(selector: Node): readonly Node[] {
  const matchers = selector.getChild('LabelMatchers')
  return matchers === null ? [] : children(matchers)
}

function only(nodes: readonly Node[]): Node {
  const [node] = nodes
  if (node === undefined) throw new Error('The grammar of PromQL is not the one that this was written for')
  return node
}

function minus(labels: ReadonlySet<string>, dropped: readonly string[]): ReadonlySet<string> {
  return new Set([...labels].filter((label) => !dropped.includes(label)))
}
