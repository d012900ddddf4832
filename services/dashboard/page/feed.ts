/**
 * What the server says, as it comes: the newest snapshot and the points of the charts.
 *
 * Invariant: `connection` is `lost` from the moment the stream breaks until it speaks again; what is shown meanwhile is
 * what was heard last, and its age is on the page.
 */
import { useEffect, useState } from 'preact/hooks'
import type { Point, Snapshot } from '../src/snapshot.ts'
import { pointOf } from '../src/summarize.ts'

export interface Feed {
  readonly connection: 'connecting' | 'open' | 'lost'
  readonly snapshot: Snapshot | undefined
  readonly points: readonly Point[]
}

const pointsMax = 600

export function useFeed(): Feed {
  const [feed, setFeed] = useState<Feed>({ connection: 'connecting', snapshot: undefined, points: [] })
  useEffect(() => {
    const stream = new EventSource('events')
    stream.addEventListener('history', ({ data }: MessageEvent<string>) => {
      const points = JSON.parse(data) as readonly Point[]
      setFeed((known) => ({ ...known, connection: 'open', points }))
    })
    stream.addEventListener('snapshot', ({ data }: MessageEvent<string>) => {
      const snapshot = JSON.parse(data) as Snapshot
      setFeed(({ points }) => ({ connection: 'open', snapshot, points: withPoint(points, pointOf(snapshot)) }))
    })
    stream.addEventListener('error', () => {
      setFeed((known) => ({ ...known, connection: 'lost' }))
    })
    return () => {
      stream.close()
    }
  }, [])
  return feed
}

/** The first snapshot after a history is its last point. */
function withPoint(points: readonly Point[], point: Point): readonly Point[] {
  if ((points.at(-1)?.atMs ?? 0) >= point.atMs) return points
  return [...points.slice(1 - pointsMax), point]
}

/** The time, again every second, for ages. */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      setNowMs(Date.now())
    }, 1_000)
    return () => {
      clearInterval(timer)
    }
  }, [])
  return nowMs
}
