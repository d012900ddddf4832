/** Charts as SVG, drawn where there is no browser. */
import { init, type EChartsOption, type SeriesOption } from 'echarts'

export interface Chart {
  readonly title: string
  readonly kind: 'line' | 'bar'
  /** What the axes show, with its unit. */
  readonly x: string
  readonly y: string
  readonly yScale?: 'linear' | 'log'
  readonly series: readonly {
    readonly name: string
    readonly points: readonly {
      /** Points of the same x stand over one another, whatever lies between. */
      readonly x: number | string
      readonly y: number
      readonly low?: number | undefined
      readonly high?: number | undefined
    }[]
  }[]
}

const width = 720
const height = 360
/** More points than this would hide the line. */
const symbolsMax = 40

/** An interval of confidence is a thin vertical line through its point. */
export function renderChart(chart: Chart): string {
  const categories = [...new Set(chart.series.flatMap(({ points }) => points.map(({ x }) => String(x))))]
  const series = chart.series.flatMap(({ name, points }): SeriesOption[] => {
    const values = new Map(points.map((point) => [String(point.x), point]))
    const main: SeriesOption = {
      name,
      type: chart.kind,
      data: categories.map((category) => values.get(category)?.y ?? null),
      ...(categories.length > symbolsMax ? { showSymbol: false } : {}),
    }
    const withInterval = points.filter(({ low, high }) => low !== undefined && high !== undefined)
    if (withInterval.length === 0 || chart.kind === 'bar') return [main]
    return [
      {
        ...main,
        markLine: {
          symbol: 'none',
          silent: true,
          label: { show: false },
          lineStyle: { type: 'solid', width: 1, opacity: 0.6 },
          data: withInterval.map(({ x, low = 0, high = 0 }) => [
            { coord: [String(x), low] },
            { coord: [String(x), high] },
          ]),
        },
      },
    ]
  })
  const option: EChartsOption = {
    animation: false,
    title: { text: chart.title, left: 'center', textStyle: { fontSize: 14 } },
    legend: { bottom: 0, show: chart.series.length > 1 },
    grid: { left: 70, right: 30, top: 50, bottom: 70 },
    xAxis: { type: 'category', data: categories, name: chart.x, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: chart.yScale === 'log' ? 'log' : 'value', name: chart.y },
    series,
  }
  const instance = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    instance.setOption(option)
    return instance.renderToSVGString()
  } finally {
    instance.dispose()
  }
}
