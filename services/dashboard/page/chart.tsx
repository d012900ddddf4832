/** One chart over time, with the same figures as a table for whoever does not see it. */
import { useEffect, useId, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Point } from '../src/snapshot.ts'
import type { Mark } from '../src/controls-state.ts'

export interface Series {
  readonly name: string
  readonly of: (point: Point) => number | null
  /** A custom property of the style sheet, so that it follows the theme. */
  readonly color: string
  /** Not told apart by colour alone. */
  readonly dashed: boolean
}

interface ChartProps {
  readonly title: string
  readonly points: readonly Point[]
  /** What was done, each a line across the chart. */
  readonly marks: readonly Mark[]
  readonly series: readonly Series[]
  readonly format: (value: number | null) => string
}

const height = 200
/** Every tenth second, the newest first: enough to follow a curve by ear. */
const tableStep = 10
const tableRows = 12

export function Chart({ title, points, marks, series, format }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | null>(null)
  const marked = useRef(marks)
  marked.current = marks
  const id = useId()

  useEffect(() => {
    const element = place.current
    if (element === null) return undefined
    const made = new UPlot(optionsOf(series, format, element.clientWidth, marked), columnsOf(points, series), element)
    plot.current = made
    const observer = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height })
    })
    observer.observe(element)
    const theme = matchMedia('(prefers-color-scheme: dark)')
    const redraw = (): void => {
      made.redraw(false, true)
    }
    theme.addEventListener('change', redraw)
    return () => {
      observer.disconnect()
      theme.removeEventListener('change', redraw)
      made.destroy()
      plot.current = null
    }
    // Made once: names, colours and the way to read a point do not change while the page is open.
  }, [])

  useEffect(() => {
    plot.current?.setData(columnsOf(points, series))
  }, [points])

  const last = points.at(-1)
  const rows = points
    .filter((_point, index) => (points.length - 1 - index) % tableStep === 0)
    .slice(-tableRows)
    .reverse()
  return (
    <figure aria-labelledby={id}>
      <figcaption id={id}>
        <h3>{title}</h3>
        <ul class="legend">
          {series.map(({ name, of, color, dashed }) => (
            <li key={name}>
              <span class={`swatch ${color.slice(2)} ${dashed ? 'dashed' : ''}`} aria-hidden="true" />
              {name}: <strong>{format(last === undefined ? null : of(last))}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="plot" ref={place} aria-hidden="true" />
      <details>
        <summary>As a table</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">time</th>
              {series.map(({ name }) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((point) => (
              <tr key={point.atMs}>
                <th scope="row">{new Date(point.atMs).toLocaleTimeString()}</th>
                {series.map(({ name, of }) => (
                  <td key={name}>{format(of(point))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  )
}

function columnsOf(points: readonly Point[], series: readonly Series[]): UPlot.AlignedData {
  return [points.map(({ atMs }) => atMs / 1_000), ...series.map(({ of }) => points.map((point) => of(point)))]
}

function optionsOf(
  series: readonly Series[],
  format: ChartProps['format'],
  width: number,
  marked: { readonly current: readonly Mark[] },
): UPlot.Options {
  const axis = { stroke: () => colorOf('--muted'), grid: { stroke: () => colorOf('--line') }, ticks: { show: false } }
  return {
    width: Math.max(width, 100),
    height,
    legend: { show: false },
    cursor: { show: false },
    hooks: {
      draw: [
        (plot) => {
          drawMarks(plot, marked.current)
        },
      ],
    },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [axis, { ...axis, size: 64, values: (_plot, values) => values.map((value) => format(value)) }],
    series: [
      {},
      ...series.map(({ name, color, dashed }) => ({
        label: name,
        stroke: () => colorOf(color),
        width: 2,
        points: { show: false },
        ...(dashed ? { dash: [6, 4] } : {}),
      })),
    ],
  }
}

function drawMarks(plot: UPlot, marks: readonly Mark[]): void {
  const { ctx, bbox, scales } = plot
  const { min, max } = scales['x'] ?? {}
  ctx.save()
  ctx.strokeStyle = colorOf('--bad')
  ctx.setLineDash([2, 3])
  for (const { atMs } of marks) {
    const at = atMs / 1_000
    if (min === undefined || max === undefined || at < min || at > max) continue
    const x = plot.valToPos(at, 'x', true)
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }
  ctx.restore()
}

function colorOf(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim()
}
