/**
 * What PostgreSQL and every store hold of one order, field by field, and how it came about, asked again every other second
 * while it is open.
 */
import type { RecordedWrites } from '@driftlab/anatomy'
import { useEffect, useRef, useState } from 'preact/hooks'
import { laneKinds, storeTitles, type StoreName } from '../src/lanes.ts'
import { Anatomy } from './anatomy.tsx'
import type { Chosen } from './app.tsx'
import { inspect, type Evidence, type Inspection } from './inspection.ts'
import { laneTitles } from './lane.tsx'

interface Answer {
  readonly lastSeenAt: string
  readonly evidence: Evidence | null
  /** Only of a lane whose service writes every store itself, and only while the dashboard answers. */
  readonly recorded?: RecordedWrites | undefined
}

type Shown =
  | { readonly state: 'asking' }
  | { readonly state: 'shown'; readonly answer: Answer }
  | { readonly state: 'gone' | 'failed'; readonly text: string; readonly last: Answer | undefined }

const askIntervalMs = 2_000

export function Inspector({ chosen, onClose }: { readonly chosen: Chosen; readonly onClose: () => void }) {
  const [shown, setShown] = useState<Shown>({ state: 'asking' })
  const heading = useRef<HTMLHeadingElement>(null)

  useEffect(() => {
    heading.current?.focus()
    const stopping = new AbortController()
    const ask = async (): Promise<void> => {
      const next = await askOnce(chosen, stopping.signal)
      if (!stopping.signal.aborted) setShown((last) => withLast(next, last))
    }
    void ask()
    const timer = setInterval(() => void ask(), askIntervalMs)
    return () => {
      stopping.abort()
      clearInterval(timer)
    }
    // Of the choice itself: who chooses the same order again wants to be led to it again.
  }, [chosen])

  const answer = shown.state === 'asking' ? undefined : shown.state === 'shown' ? shown.answer : shown.last
  return (
    <section
      class="inspector"
      aria-labelledby="inspector-title"
      onKeyDown={({ key }) => {
        if (key === 'Escape') onClose()
      }}
    >
      <h3 id="inspector-title" tabIndex={-1} ref={heading}>
        Order {chosen.key}, {laneTitles[chosen.lane]}
      </h3>
      <button type="button" onClick={onClose}>
        Close
      </button>
      <p role="status">{describe(shown)}</p>
      {answer?.evidence === undefined || answer.evidence === null ? null : (
        <>
          {answer.recorded === undefined ? null : <Anatomy held={answer.evidence} recorded={answer.recorded} />}
          <Fields inspection={inspect(answer.evidence)} />
        </>
      )}
    </section>
  )
}

function Fields({ inspection: { source, stores, rows } }: { readonly inspection: Inspection }) {
  return (
    <div class="scroll" role="region" aria-label="What each store holds" tabIndex={0}>
      <table class="fields">
        <thead>
          <tr>
            <th scope="col">field</th>
            <th scope="col">
              PostgreSQL <small>{source}</small>
            </th>
            {stores.map(({ name, status, says }) => (
              <th scope="col" key={name}>
                {storeTitles[name as StoreName]}{' '}
                <small class={status === 'same' ? '' : 'differs'}>
                  {status === 'same' || status === 'unobserved' ? '' : `${status}: `}
                  {says}
                </small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.field}>
              <th scope="row">{row.field}</th>
              <td>{row.source}</td>
              {row.stores.map(({ text, differs }, index) => (
                <td key={stores[index]?.name} data-store={stores[index]?.name} class={differs ? 'differs' : 'same'}>
                  {differs ? (
                    <mark>
                      <span class="hidden">differs: </span>
                      {text}
                    </mark>
                  ) : (
                    text
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

async function askOnce({ lane, key }: Chosen, signal: AbortSignal): Promise<Shown> {
  const path = `api/orders/${encodeURIComponent(lane)}/${encodeURIComponent(key)}`
  try {
    const [response, recorded] = await Promise.all([
      fetch(path, { signal }),
      laneKinds[lane] === 'by the request' ? askWrites(path, signal) : undefined,
    ])
    if (response.ok) return { state: 'shown', answer: { ...((await response.json()) as Answer), recorded } }
    if (response.status === 404) {
      const text = 'As far as anybody can see, the stores agree on it now: it has healed, or changed just now.'
      return { state: 'gone', text, last: undefined }
    }
    return { state: 'failed', text: 'The auditor does not answer.', last: undefined }
  } catch {
    return { state: 'failed', text: 'The dashboard’s server does not answer.', last: undefined }
  }
}

async function askWrites(path: string, signal: AbortSignal): Promise<RecordedWrites | undefined> {
  const response = await fetch(`${path}/writes`, { signal })
  return response.ok ? ((await response.json()) as RecordedWrites) : undefined
}

/** What was seen last stays on the page, with the word that it is old. */
function withLast(next: Shown, before: Shown): Shown {
  if (next.state !== 'gone' && next.state !== 'failed') return next
  return { ...next, last: before.state === 'shown' ? before.answer : 'last' in before ? before.last : undefined }
}

function describe(shown: Shown): string {
  switch (shown.state) {
    case 'asking':
      return 'Asking …'
    case 'shown':
      return shown.answer.evidence === null
        ? 'It differs, but what the stores hold of it is kept for the newest orders only.'
        : `As seen at ${new Date(shown.answer.lastSeenAt).toLocaleTimeString()}.`
    case 'gone':
    case 'failed':
      return shown.last === undefined
        ? shown.text
        : `${shown.text} Below is what was seen at ${new Date(shown.last.lastSeenAt).toLocaleTimeString()}.`
  }
}
