/** The dashboards as files: whole, tidy, and fed by the one data source that is provisioned. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import { readDashboards, type Dashboard, type Panel } from './queries.ts'

let dashboards: readonly Dashboard[]
let panels: readonly Panel[]
beforeAll(async () => {
  dashboards = [...(await readDashboards()).values()]
  panels = dashboards.flatMap((dashboard) => dashboard.panels)
})

const duplicates = <Value>(values: readonly Value[]): readonly Value[] =>
  values.filter((value, index) => values.indexOf(value) !== index)

test('there is a dashboard, and none has the uid of another', () => {
  expect(dashboards.length).toBeGreaterThan(0)
  expect(duplicates(dashboards.map(({ uid }) => uid))).toEqual([])
})

test('no panel has the id of another of its dashboard, no query the letter of another of its panel', () => {
  for (const dashboard of dashboards) expect(duplicates(dashboard.panels.map(({ id }) => id))).toEqual([])
  for (const { title, targets } of panels) {
    expect({ title, duplicates: duplicates(targets.map(({ refId }) => refId)) }).toEqual({ title, duplicates: [] })
  }
})

test('every panel asks something, and shows it with a unit', () => {
  const shown = panels.filter(({ type }) => type !== 'row')
  expect(shown.filter(({ targets }) => targets.length === 0).map(({ title }) => title)).toEqual([])
  const unitless = new Set(['state-timeline', 'heatmap', 'table'])
  const lacking = shown.filter(
    ({ type, fieldConfig }) => !unitless.has(type) && fieldConfig?.defaults.unit === undefined,
  )
  expect(lacking.map(({ title }) => title)).toEqual([])
})

test('whatever asks takes the data source from the variable, and the variable begins with the one that is provisioned', async () => {
  const uids = panels.flatMap(({ datasource, targets }) => [datasource, ...targets.map((target) => target.datasource)])
  expect(new Set(uids.flatMap((source) => source?.uid ?? []))).toEqual(new Set(['${datasource}']))
  const path = join(import.meta.dirname, '../../infra/grafana/provisioning/datasources/prometheus.yml')
  const provisioned = z
    .object({ datasources: z.tuple([z.object({ uid: z.string(), type: z.literal('prometheus') })]) })
    .parse(parse(await readFile(path, 'utf8'))).datasources[0]
  for (const { templating } of dashboards) {
    const variable = templating.list.find(({ type }) => type === 'datasource')
    expect(variable).toMatchObject({ name: 'datasource', query: 'prometheus', current: { value: provisioned.uid } })
  }
})

test('every variable that is used is declared, and every one that is declared is used', () => {
  for (const { panels: own, templating } of dashboards) {
    const used = own.flatMap(({ targets }) =>
      targets.flatMap(({ expr, datasource }) =>
        [...`${expr} ${datasource.uid}`.matchAll(/\$\{?(\w+)/gu)].map(([, name = '']) => name),
      ),
    )
    const declared = templating.list.map(({ name }) => name)
    expect(new Set(used.filter((name) => !name.startsWith('__')))).toEqual(new Set(declared))
  }
})

test('no panel lies on another, and none sticks out', () => {
  for (const { panels: own } of dashboards) {
    const taken = new Map<string, string>()
    for (const { title, gridPos } of own) {
      expect({ title, within: gridPos.x + gridPos.w <= 24 }).toEqual({ title, within: true })
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x}/${y}`) ?? title).toBe(title)
          taken.set(`${x}/${y}`, title)
        }
      }
    }
  }
})
