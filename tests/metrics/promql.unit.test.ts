import { describe, expect, test } from '@jest/globals'
import { readExpositions, withLabels } from './exposition.ts'
import { check } from './promql.ts'

const catalog = withLabels(
  readExpositions([
    `# HELP applied_total Changes
# TYPE applied_total counter
applied_total{service="a",lane="cdc"} 3
applied_total{service="b",lane="dual-write"} 0

# HELP latency_ms Time
# TYPE latency_ms histogram
latency_ms_bucket{le="1",service="a",lane="cdc"} 1
latency_ms_bucket{le="+Inf",service="a",lane="cdc"} 2
latency_ms_sum{service="a",lane="cdc"} 7
latency_ms_count{service="a",lane="cdc"} 2
`,
    `# TYPE state gauge
state{state="running",service="a",note="a \\"quoted\\", thing"} 1
state{state="paused",service="a",note=""} 0
# TYPE plain gauge
plain 1.5e-3
# TYPE unseen gauge
`,
  ]),
  new Map([['job', 'any' as const]]),
)
const faultsOf = (expression: string): string => check(expression, catalog).faults.join('\n')
const labelsOf = (expression: string): readonly string[] => [...check(expression, catalog).labels].sort()

test('an exposition is read with types, labels and values, the parts of a histogram each for itself', () => {
  expect([...catalog.keys()].sort()).toEqual(
    ['applied_total', 'latency_ms_bucket', 'latency_ms_count', 'latency_ms_sum', 'plain', 'state'].sort(),
  )
  expect(catalog.get('latency_ms_bucket')).toMatchObject({ type: 'counter' })
  expect(catalog.get('latency_ms_bucket')?.labels.get('le')).toEqual(new Set(['1', '+Inf']))
  expect(catalog.get('state')?.labels.get('state')).toEqual(new Set(['running', 'paused']))
  expect(() => readExpositions(['<html>'])).toThrow('no sample')
})

test.each([
  ['applied_total', ['job', 'lane', 'service']],
  ['sum(applied_total)', []],
  ['sum by (lane) (rate(applied_total{lane=~"cdc|x", job!="y"}[5m]))', ['lane']],
  ['sum(applied_total) without (lane)', ['job', 'service']],
  ['topk(3, applied_total)', ['job', 'lane', 'service']],
  ['histogram_quantile(0.9, sum by (service, le) (rate(latency_ms_bucket[5m])))', ['service']],
  ['latency_ms_sum / latency_ms_count', ['job', 'lane', 'service']],
  ['sum by (lane) (latency_ms_sum) / on (lane) group_left (job) sum by (lane, job) (applied_total)', ['job', 'lane']],
  ['max by (service) (state{state="running"} or state{state="paused"} * 2)', ['service']],
  ['label_join(sum by (lane, job) (applied_total), "where", " ", "lane", "job")', ['job', 'lane', 'where']],
  ['absent(state{service="a", state=~"p.*"}) or absent(state{service="a"})', ['service']],
  ['time() - max(plain) > 600', []],
  ['plain > 1 and deriv(plain[5m]) > 0', ['job']],
  ['state{service=~"$sink"}', ['job', 'note', 'service', 'state']],
])('%s is fine', (expression, labels) => {
  expect(faultsOf(expression)).toBe('')
  expect(labelsOf(expression)).toEqual(labels)
})

describe('a fault is found and named:', () => {
  test.each([
    ['a misspelt metric', 'sum(aplied_total)', 'there is no metric aplied_total'],
    ['a metric that is declared and never measured', 'unseen', 'there is no metric unseen'],
    ['a histogram without its suffix', 'rate(latency_ms[5m])', 'there is no metric latency_ms'],
    ['no metric at all', '{job="a"}', 'a selector that names no metric'],
    ['a misspelt label of a selector', 'applied_total{lan="cdc"}', 'applied_total has no label lan'],
    ['a misspelt label in quotes', 'applied_total{"lan"="cdc"}', 'applied_total has no label lan'],
    ['a misspelt label of a grouping', 'sum by (lnae) (applied_total)', 'applied_total has no label lnae'],
    ['a misspelt label of a match', 'plain / on (lane) plain', 'plain has no label lane'],
    ['a label that was summed away', 'sum by (lane) (sum by (job) (applied_total))', 'has no label lane'],
    ['a value that no series has', 'state{state="puased"}', 'no state of state is puased'],
    ['a pattern that no series fits', 'state{state=~"pau"}', 'no state of state is pau'],
    ['buckets without their bounds', 'histogram_quantile(0.9, sum(rate(latency_ms_bucket[5m])))', 'has no label le'],
    ['a rate of a gauge', 'rate(plain[5m])', 'plain is a gauge'],
    ['a slope of a counter', 'deriv(applied_total[5m])', 'applied_total is a counter'],
    ['a rate without a range', 'rate(applied_total)', 'rate wants a range'],
    ['sides that never match', 'sum by (lane) (applied_total) / sum(applied_total)', 'one has no lane'],
    ['a missing parenthesis', 'sum by (lane) (rate(applied_total[5m])', 'not PromQL at character 39'],
    ['a function that there is not', 'rat(applied_total[5m])', 'not PromQL at character 4'],
    ['nothing', '', 'not PromQL'],
  ])('%s', (_name, expression, fault) => {
    expect(faultsOf(expression)).toContain(fault)
  })
})
