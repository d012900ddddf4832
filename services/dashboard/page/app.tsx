/** The page as a whole: what is said, what is drawn, and where everything is. */
import { useState } from 'preact/hooks'
import type { Mark } from '../src/controls-state.ts'
import { laneNames, storeNames, storeTitles, targetNames, type LaneName } from '../src/lanes.ts'
import type { Snapshot } from '../src/snapshot.ts'
import { Chart, type Series } from './chart.tsx'
import { Controls, useControls } from './controls.tsx'
import { Divergences } from './divergences.tsx'
import { useFeed, useNow, type Feed } from './feed.ts'
import { age, count, milliseconds, number } from './format.ts'
import { Inspector } from './inspector.tsx'
import { Lane, laneTitles } from './lane.tsx'
import { Pipeline } from './pipeline.tsx'

export interface Chosen {
  readonly lane: LaneName
  readonly key: string
}

const noMarks: readonly Mark[] = []

export function App() {
  const feed = useFeed()
  const nowMs = useNow()
  const controls = useControls()
  const marks = controls.state?.log ?? noMarks
  const [chosen, setChosen] = useState<Chosen | undefined>(undefined)
  const { snapshot, points } = feed

  return (
    <>
      <a class="skip" href="#lanes">
        Skip to the lanes
      </a>
      <header>
        <h1>Driftlab</h1>
        <p>The same orders, written in two ways. Which stores still say what PostgreSQL says?</p>
        <p class="connection">
          <span role="status">{describeConnection(feed)}</span>{' '}
          {feed.connection === 'lost' && snapshot !== undefined
            ? `What is shown is ${age(snapshot.atMs, nowMs)} old.`
            : null}
        </p>
      </header>
      {snapshot === undefined ? (
        <main id="lanes">
          <p>Waiting for a first look.</p>
        </main>
      ) : (
        <main>
          <div class="lanes" id="lanes">
            {laneNames.map((lane) => (
              <Lane key={lane} lane={lane} snapshot={snapshot} />
            ))}
          </div>

          <Controls {...controls} />

          <section aria-labelledby="charts-title">
            <h2 id="charts-title">The last ten minutes</h2>
            <div class="charts">
              <Chart
                title="Orders that differ from PostgreSQL"
                points={points}
                marks={marks}
                series={perLane((lane) => ({ of: (point) => point.lanes[lane].divergedKeys }))}
                format={count}
              />
              <Chart
                title="Writes a second"
                points={points}
                marks={marks}
                series={perLane((lane) => ({ of: (point) => point.lanes[lane].writesPerSecond }))}
                format={number}
              />
              <Chart
                title="Records behind the log, cdc"
                points={points}
                marks={marks}
                series={perStore((store) => (point) => point.lanes.cdc.lagRecords[store])}
                format={count}
              />
              <Chart
                title="Commit to visible, 99 of 100 changes, cdc"
                points={points}
                marks={marks}
                series={perStore((store) => (point) => point.lanes.cdc.visibleMsP99[store])}
                format={milliseconds}
              />
            </div>
          </section>

          <section aria-labelledby="pipeline-title">
            <h2 id="pipeline-title">Where the changes are</h2>
            <Pipeline snapshot={snapshot} />
          </section>

          <section aria-labelledby="divergences-title">
            <h2 id="divergences-title">Orders that differ</h2>
            <Divergences snapshot={snapshot} chosen={chosen} onChoose={setChosen} />
            {chosen === undefined ? null : (
              <Inspector
                key={`${chosen.lane} ${chosen.key}`}
                chosen={chosen}
                onClose={() => {
                  setChosen(undefined)
                }}
              />
            )}
          </section>

          <Services snapshot={snapshot} />
        </main>
      )}
    </>
  )
}

function Services({ snapshot }: { readonly snapshot: Snapshot }) {
  return (
    <section aria-labelledby="services-title">
      <h2 id="services-title">Who answers</h2>
      <ul class="services">
        {targetNames.map((name) => {
          const { state, instances, asOfMs, why } = snapshot.targets[name]
          return (
            <li key={name} class={state}>
              <strong>{name}</strong>{' '}
              {state === 'up'
                ? `answers${instances > 1 ? `, ${instances} instances` : ''}`
                : `is down: ${why}${asOfMs === null ? '; it never answered' : `; last heard ${age(asOfMs, snapshot.atMs)} ago`}`}
            </li>
          )
        })}
      </ul>
    </section>
  )
}

/** Read aloud when it changes, so there is no age in it. */
function describeConnection({ connection }: Feed): string {
  switch (connection) {
    case 'connecting':
      return 'Connecting …'
    case 'open':
      return 'Live, a look a second.'
    case 'lost':
      return 'The dashboard’s server does not answer. Trying again …'
  }
}

function perLane(make: (lane: LaneName) => Pick<Series, 'of'>): readonly Series[] {
  return laneNames.map((lane) => ({
    ...make(lane),
    name: laneTitles[lane],
    color: `--${lane}`,
    dashed: lane === 'cdc',
  }))
}

function perStore(make: (store: (typeof storeNames)[number]) => Series['of']): readonly Series[] {
  return storeNames.map((store, index) => ({
    name: storeTitles[store],
    of: make(store),
    color: `--${store}`,
    dashed: index > 0,
  }))
}
