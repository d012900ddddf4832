/** The newest orders that differ, of both lanes; each opens what the stores hold of it. */
import { laneNames, storeTitles, type LaneName, type StoreName } from '../src/lanes.ts'
import type { ListedDivergence, Snapshot } from '../src/snapshot.ts'
import type { Chosen } from './app.tsx'
import { age, count } from './format.ts'
import { laneTitles } from './lane.tsx'

interface DivergencesProps {
  readonly snapshot: Snapshot
  readonly chosen: Chosen | undefined
  readonly onChoose: (chosen: Chosen) => void
}

const shownMax = 30

export function Divergences({ snapshot, chosen, onChoose }: DivergencesProps) {
  const listed = laneNames
    .flatMap((lane) => snapshot.lanes[lane].divergences.map((divergence) => ({ lane, divergence })))
    .sort((one, other) => other.divergence.firstSeenAt.localeCompare(one.divergence.firstSeenAt))
    .slice(0, shownMax)
  const total = laneNames.reduce((sum, lane) => sum + (snapshot.lanes[lane].divergedKeys ?? 0), 0)
  if (listed.length === 0) return <p>{total === 0 ? 'None that anybody has seen.' : 'They are not listed.'}</p>
  return (
    <>
      <p>
        {total > listed.length ? `The newest ${listed.length} of ${count(total)}.` : `All ${count(total)} of them.`}
      </p>
      <div class="scroll list" role="region" aria-label="The newest orders that differ" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">order</th>
              <th scope="col">lane</th>
              <th scope="col">which stores</th>
              <th scope="col">for</th>
            </tr>
          </thead>
          <tbody>
            {listed.map(({ lane, divergence }) => (
              <Row
                key={`${lane} ${divergence.key}`}
                lane={lane}
                divergence={divergence}
                atMs={snapshot.atMs}
                isChosen={chosen?.lane === lane && chosen.key === divergence.key}
                onChoose={onChoose}
              />
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}

interface RowProps {
  readonly lane: LaneName
  readonly divergence: ListedDivergence
  readonly atMs: number
  readonly isChosen: boolean
  readonly onChoose: (chosen: Chosen) => void
}

function Row({ lane, divergence: { key, stores, firstSeenAt }, atMs, isChosen, onChoose }: RowProps) {
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="order"
          aria-pressed={isChosen}
          onClick={() => {
            onChoose({ lane, key })
          }}
        >
          {key}
        </button>
      </th>
      <td>{laneTitles[lane]}</td>
      <td>
        {Object.entries(stores)
          .map(([store, kind]) => `${storeTitles[store as StoreName]}: ${kind}`)
          .join(', ')}
      </td>
      <td>{age(Date.parse(firstSeenAt), atMs)}</td>
    </tr>
  )
}
