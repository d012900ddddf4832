/**
 * Where everything of the drawing stands: a row for each store, and for each request a line from store to store on an axis
 * of time. Where two lines cross, one overtook the other. Pure; whoever draws decides on colours.
 */
import { stores, titles, type Anatomy } from './dissect.ts'
import type { StoreWrite } from './recorded.ts'

export interface Drawing {
  readonly width: number
  readonly height: number
  readonly ticks: readonly { readonly x: number; readonly fromY: number; readonly toY: number; readonly text: string }[]
  readonly rows: readonly {
    readonly store: StoreWrite['store']
    readonly y: number
    readonly titleX: number
    readonly title: string
    readonly holderX: number
    readonly holder: string
  }[]
  readonly paths: readonly {
    readonly label: string
    readonly caption: string
    /** Of an SVG polyline. */
    readonly points: string
    readonly bars: readonly {
      readonly x: number
      readonly y: number
      readonly width: number
      readonly height: number
      readonly outcome: StoreWrite['outcome']
      readonly mark: string
      readonly markX: number
      readonly markY: number
    }[]
  }[]
}

const width = 1_000
const left = 120
/** Behind it, the mark of a bar that ends there and who holds what have their place. */
const right = 840
const top = 46
const rowHeight = 62
const barHeight = 12
const marks: Readonly<Record<StoreWrite['outcome'], string>> = { acknowledged: '', failed: ' ✕', pending: ' …' }

export function layOut({ writers, fromMs, untilMs, holders }: Anatomy): Drawing {
  const spanMs = Math.max(untilMs - fromMs, 0.001)
  const xOf = (ms: number): number => round(left + ((ms - fromMs) / spanMs) * (right - left))
  const rowY = (store: StoreWrite['store']): number => top + stores.indexOf(store) * rowHeight + 14
  return {
    width,
    height: top + stores.length * rowHeight + 10,
    ticks: [0, 0.25, 0.5, 0.75, 1].map((part) => ({
      x: xOf(fromMs + part * spanMs),
      fromY: top - 14,
      toY: top + stores.length * rowHeight - 16,
      text: `${(part * spanMs).toFixed(spanMs < 20 ? 1 : 0)} ms`,
    })),
    rows: stores.map((store) => ({
      store,
      y: rowY(store) + 5,
      titleX: left - 12,
      title: titles[store],
      holderX: right + 50,
      holder: `holds ${holders[store] ?? '?'}`,
    })),
    paths: writers.map(({ label, write }, index) => {
      /** Beside one another, or the later would hide the earlier. */
      const offset = (index - (writers.length - 1) / 2) * (barHeight + 2)
      const yOf = (store: StoreWrite['store']): number => round(rowY(store) + offset)
      const to = write.operation === 'remove' || write.revision === null ? '' : ` to revision ${write.revision}`
      return {
        label,
        caption: `${label}: ${write.operation}${to}, instance ${write.instance}`,
        points: write.stores
          .flatMap(({ store, beganMs, endedMs }) => [
            `${xOf(beganMs)},${yOf(store)}`,
            `${xOf(endedMs ?? beganMs)},${yOf(store)}`,
          ])
          .join(' '),
        bars: write.stores.map(({ store, beganMs, endedMs, outcome }) => ({
          x: xOf(beganMs),
          y: yOf(store) - barHeight / 2,
          width: Math.max(2, round(xOf(endedMs ?? beganMs) - xOf(beganMs))),
          height: barHeight,
          outcome,
          mark: `${label}${marks[outcome]}`,
          markX: xOf(endedMs ?? beganMs) + 4,
          markY: yOf(store) + 4,
        })),
      }
    }),
  }
}

/** The same as rows of text, in the order in which they began: from, to, write, store, outcome. */
export function stepsOf({ writers, fromMs }: Anatomy): readonly (readonly [string, string, string, string, string])[] {
  return writers
    .flatMap(({ label, write }) => write.stores.map((step) => ({ label, step })))
    .sort((one, other) => one.step.beganMs - other.step.beganMs)
    .map(({ label, step: { store, beganMs, endedMs, outcome, error } }) => [
      offset(beganMs - fromMs),
      endedMs === null ? '–' : offset(endedMs - fromMs),
      label,
      titles[store],
      error === null ? outcome : `${outcome}: ${error}`,
    ])
}

/** Two digits: what decides is often less than a tenth of a millisecond. */
function offset(ms: number): string {
  return `${ms.toFixed(2)} ms`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
