/** Every question that the dashboards and the rules put to Prometheus, with the labels that they show of the answer. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const infra = join(import.meta.dirname, '../../infra')

const datasourceSchema = z.object({ type: z.literal('prometheus'), uid: z.string() })
const panelSchema = z.looseObject({
  id: z.number(),
  type: z.string(),
  title: z.string().min(1),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  datasource: datasourceSchema.optional(),
  fieldConfig: z.looseObject({ defaults: z.looseObject({ unit: z.string().optional() }) }).optional(),
  targets: z
    .array(
      z.looseObject({
        refId: z.string(),
        datasource: datasourceSchema,
        expr: z.string().min(1),
        legendFormat: z.string().default(''),
      }),
    )
    .default([]),
})
const dashboardSchema = z.looseObject({
  uid: z.string().min(1),
  title: z.string().min(1),
  panels: z.array(panelSchema),
  templating: z.object({
    list: z.array(
      z.looseObject({
        name: z.string(),
        type: z.enum(['query', 'datasource']),
        current: z.looseObject({ value: z.union([z.string(), z.array(z.string())]) }),
        query: z.union([z.string(), z.looseObject({ query: z.string() })]),
      }),
    ),
  }),
})
export type Dashboard = z.output<typeof dashboardSchema>
export type Panel = z.output<typeof panelSchema>

const rulesSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.union([
          z.strictObject({ record: z.string(), expr: z.string() }),
          z.strictObject({
            alert: z.string(),
            expr: z.string(),
            for: z.string().optional(),
            labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']) }),
            annotations: z.strictObject({ summary: z.string().min(1), action: z.string().min(1) }),
          }),
        ]),
      ),
    }),
  ),
})
type Rule = z.output<typeof rulesSchema>['groups'][number]['rules'][number]
export type RecordingRule = Extract<Rule, { record: string }>
export type AlertingRule = Extract<Rule, { alert: string }>

export interface Query {
  /** Where it stands, for a message. */
  readonly where: string
  readonly expression: string
  /** Labels that a legend or a text shows of the answer. */
  readonly shows: readonly string[]
}

/** By the name of the file. */
export async function readDashboards(): Promise<ReadonlyMap<string, Dashboard>> {
  const folder = join(infra, 'grafana/dashboards')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  return new Map(
    await Promise.all(
      names.map(async (name): Promise<[string, Dashboard]> => [
        name,
        dashboardSchema.parse(JSON.parse(await readFile(join(folder, name), 'utf8'))),
      ]),
    ),
  )
}

export async function readRules(): Promise<{
  readonly recording: readonly RecordingRule[]
  readonly alerting: readonly AlertingRule[]
}> {
  const { groups } = rulesSchema.parse(parse(await readFile(join(infra, 'prometheus/rules.yml'), 'utf8')))
  const rules = groups.flatMap((group) => group.rules)
  return {
    recording: rules.filter((rule) => 'record' in rule),
    alerting: rules.filter((rule) => 'alert' in rule),
  }
}

export function queriesOf(file: string, { panels, templating }: Dashboard): readonly Query[] {
  const ofPanels = panels.flatMap(({ title, targets }) =>
    targets.map(({ refId, expr, legendFormat }) => ({
      where: `${file}: ${title} (${refId})`,
      expression: withoutIntervals(expr),
      shows: labelsIn(legendFormat, /\{\{\s*(\w+)\s*\}\}/gu),
    })),
  )
  const ofVariables = templating.list.flatMap(({ name, type, query }) => {
    if (type !== 'query') return []
    const text = typeof query === 'string' ? query : query.query
    const values = /^label_values\((.+),\s*(\w+)\)$/u.exec(text)
    if (values === null) throw new Error(`${file}: variable ${name} asks in a way that nobody has taught this: ${text}`)
    return [{ where: `${file}: variable ${name}`, expression: values[1] ?? '', shows: [values[2] ?? ''] }]
  })
  return [...ofPanels, ...ofVariables]
}

export function alertQuery({ alert, expr, annotations }: AlertingRule): Query {
  const shows = Object.values(annotations).flatMap((text) => labelsIn(text, /\$labels\.(\w+)/gu))
  return { where: `rules.yml: ${alert}`, expression: expr, shows }
}

/** The variables of a dashboard that stand for a length of time: any will do to read the expression. */
function withoutIntervals(expression: string): string {
  return expression.replaceAll(/\$__(rate_interval|interval|range)\b/gu, '5m')
}

function labelsIn(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([, label = '']) => label)
}
