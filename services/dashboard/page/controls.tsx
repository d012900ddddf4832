/**
 * Load and faults, for who opened the page with the token; everybody else sees what is going on. The token comes behind the #
 * of the address, stays in this tab, and is taken out of the address at once.
 */
import { useEffect, useState } from 'preact/hooks'
import type { ControlsState, Skew } from '../src/controls-state.ts'
import { laneNames, type LaneName } from '../src/lanes.ts'
import { laneTitles } from './lane.tsx'

const storageName = 'driftlab-token'
const askIntervalMs = 2_000
const skews: Readonly<Record<Skew, string>> = {
  even: 'all orders alike',
  usual: 'some orders busier',
  hot: 'a few hot orders',
}
const harms = {
  pause: 'Freezes it where it stands, connections open (SIGSTOP).',
  kill: 'Ends it at once, without a chance to do anything more (kill -9).',
  restart: 'Stops it in order and starts it again.',
} as const
const linkHarms = {
  cut: 'Nothing passes in either direction, and the connections stay open: who waits for an answer cannot know.',
  slow: 'Each answer of the store comes some 300 ms later.',
} as const

export interface ControlsFeed {
  /** Undefined where there are no controls, or before the first answer. */
  readonly state: ControlsState | undefined
  readonly mayAct: boolean
  readonly failure: string
  readonly act: (action: Readonly<Record<string, unknown>>) => void
}

export function useControls(): ControlsFeed {
  const [token] = useState(takeToken)
  const [state, setState] = useState<ControlsState | undefined>(undefined)
  const [failure, setFailure] = useState('')
  useEffect(() => {
    const ask = async (): Promise<void> => {
      try {
        const response = await fetch('controls')
        setState(response.ok ? ((await response.json()) as ControlsState) : undefined)
      } catch {
        setState(undefined)
      }
    }
    void ask()
    const timer = setInterval(() => void ask(), askIntervalMs)
    return () => {
      clearInterval(timer)
    }
  }, [])
  const act = async (action: Readonly<Record<string, unknown>>): Promise<void> => {
    setFailure('')
    try {
      const response = await fetch('controls/actions', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token ?? ''}` },
        body: JSON.stringify(action),
      })
      const answer = (await response.json()) as ControlsState & { readonly detail?: string }
      if (response.ok) setState(answer)
      else setFailure(answer.detail ?? 'It was refused.')
    } catch {
      setFailure('The dashboard’s server does not answer.')
    }
  }
  return {
    state,
    mayAct: token !== null,
    failure,
    act: (action) => {
      void act(action)
    },
  }
}

function takeToken(): string | null {
  const found = /^#token=(?<token>[\w.~!*+=-]+)$/u.exec(location.hash)?.groups?.['token']
  if (found !== undefined) {
    sessionStorage.setItem(storageName, found)
    history.replaceState(null, '', location.pathname)
  }
  return sessionStorage.getItem(storageName)
}

export function Controls({ state, mayAct, failure, act }: ControlsFeed) {
  if (state === undefined) return null
  return (
    <section class="controls" aria-labelledby="controls-title">
      <h2 id="controls-title">Load and faults</h2>
      {mayAct ? (
        <>
          <div class="lanes">
            {laneNames.map((lane) => (
              <Load key={lane} lane={lane} state={state} act={act} />
            ))}
          </div>
          <Faults state={state} act={act} />
        </>
      ) : (
        <p>To drive load and to break things, open this page by the address with the token that make up prints.</p>
      )}
      <p role="alert">{failure}</p>
      <h3>What was done</h3>
      {state.log.length === 0 ? (
        <p>Nothing yet.</p>
      ) : (
        <ol class="log" reversed>
          {state.log
            .slice(-8)
            .reverse()
            .map(({ atMs, text }) => (
              <li key={`${atMs} ${text}`}>
                <time dateTime={new Date(atMs).toISOString()}>{new Date(atMs).toLocaleTimeString()}</time> {text}
              </li>
            ))}
        </ol>
      )}
    </section>
  )
}

interface PartProps {
  readonly state: ControlsState
  readonly act: ControlsFeed['act']
}

function Load({ lane, state, act }: PartProps & { readonly lane: LaneName }) {
  // Two cores carry this in both lanes, with all that watches.
  const [rate, setRate] = useState(30)
  const [skew, setSkew] = useState<Skew>('usual')
  const running = state.loads.find((load) => load.lane === lane)
  return (
    <form
      class="load"
      onSubmit={(event) => {
        event.preventDefault()
        act(
          running === undefined
            ? { action: 'start-load', lane, ratePerSecond: rate, skew }
            : { action: 'stop-load', lane },
        )
      }}
    >
      <h3>{laneTitles[lane]}</h3>
      {running === undefined ? (
        <>
          <label>
            changes a second{' '}
            <input
              type="number"
              min={1}
              max={state.rateMax}
              value={rate}
              onInput={({ currentTarget }) => {
                setRate(currentTarget.valueAsNumber)
              }}
            />
          </label>
          <label>
            keys{' '}
            <select
              value={skew}
              onChange={({ currentTarget }) => {
                setSkew(currentTarget.value as Skew)
              }}
            >
              {Object.entries(skews).map(([name, title]) => (
                <option key={name} value={name}>
                  {title}
                </option>
              ))}
            </select>
          </label>
          <button type="submit">Start the load on {laneTitles[lane]}, for ten minutes at most</button>
        </>
      ) : (
        <>
          <p>
            {running.ratePerSecond} changes a second until {new Date(running.untilMs).toLocaleTimeString()}.
          </p>
          <button type="submit">Stop the load on {laneTitles[lane]}</button>
        </>
      )}
    </form>
  )
}

function Faults({ state, act }: PartProps) {
  const [component, setComponent] = useState(state.components[0] ?? '')
  const [link, setLink] = useState(state.links[0]?.name ?? '')
  return (
    <div class="faults">
      <h3>Break something</h3>
      <Choice
        label="component"
        options={state.components.map((name) => ({ name, title: name }))}
        chosen={component}
        choose={setComponent}
      />
      <Harms
        harms={harms}
        of={component}
        act={(action) => {
          act({ action, component })
        }}
      />
      {state.links.length === 0 ? (
        <p>There are no links to break: LINKS is direct in the settings.</p>
      ) : (
        <>
          <Choice
            label="link"
            options={state.links.map(({ name, from, to }) => ({ name, title: `${from} to ${to}` }))}
            chosen={link}
            choose={setLink}
          />
          <Harms
            harms={linkHarms}
            of={link}
            act={(action) => {
              act({ action, link })
            }}
          />
        </>
      )}
      {state.faults.map(({ of, kind, untilMs }) => (
        <p key={of}>
          <strong>{of}</strong> is {kind}
          {kind === 'restarting' ? '.' : `, until ${new Date(untilMs).toLocaleTimeString()}. `}
          {kind === 'restarting' ? null : (
            <button
              type="button"
              onClick={() => {
                act({ action: 'undo', of })
              }}
            >
              Undo: {kind === 'cut' || kind === 'slow' ? `mend ${of}` : `let ${of} go on`}
            </button>
          )}
        </p>
      ))}
    </div>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly options: readonly { readonly name: string; readonly title: string }[]
  readonly chosen: string
  readonly choose: (name: string) => void
}

function Choice({ label, options, chosen, choose }: ChoiceProps) {
  return (
    <label>
      {label}{' '}
      <select
        value={chosen}
        onChange={({ currentTarget }) => {
          choose(currentTarget.value)
        }}
      >
        {options.map(({ name, title }) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </label>
  )
}

interface HarmsProps {
  /** What each does, by its name. */
  readonly harms: Readonly<Record<string, string>>
  readonly of: string
  readonly act: (harm: string) => void
}

function Harms({ harms: all, of, act }: HarmsProps) {
  return (
    <ul>
      {Object.entries(all).map(([harm, says]) => (
        <li key={harm}>
          <button
            type="button"
            onClick={() => {
              act(harm)
            }}
          >
            {harm} {of}
          </button>{' '}
          {says} {harm === 'restart' ? '' : 'It is undone after a minute, if nobody does it before.'}
        </li>
      ))}
    </ul>
  )
}
