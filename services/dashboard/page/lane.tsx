/** One lane: what is going on in it, and how each of its stores stands. */
import { useEffect, useState } from 'preact/hooks'
import { laneKinds, storeNames, storeTitles, type LaneName } from '../src/lanes.ts'
import type { Snapshot, Verdict } from '../src/snapshot.ts'
import { count, milliseconds, number } from './format.ts'
import { describeLane } from './sentence.ts'

export const laneTitles: Readonly<Record<LaneName, string>> = {
  'dual-write': 'Dual writes',
  cdc: 'Change data capture',
}

const laneExplanations: Readonly<Record<LaneName, string>> = {
  'dual-write': 'The service writes PostgreSQL, then Redis, then Elasticsearch, then ClickHouse, itself.',
  cdc: 'The service writes PostgreSQL and nothing else; everything follows from its log.',
}

const verdictWords: Readonly<Record<Verdict, string>> = {
  consistent: 'agrees',
  diverged: 'differs',
  unknown: 'unknown',
}

export function Lane({ lane, snapshot }: { readonly lane: LaneName; readonly snapshot: Snapshot }) {
  const { stores, writesPerSecond, divergedKeys, waitingKeys, partialWrites } = snapshot.lanes[lane]
  const { tone, situation, text } = describeLane(lane, snapshot)
  const throughLog = laneKinds[lane] === 'through the log'
  return (
    <section class={`lane ${tone}`} aria-labelledby={`${lane}-title`}>
      <h2 id={`${lane}-title`}>{laneTitles[lane]}</h2>
      <p class="explanation">{laneExplanations[lane]}</p>
      <p class="sentence">{text}</p>
      <Announcement situation={situation} text={`${laneTitles[lane]}: ${text}`} />
      <dl>
        <div>
          <dt>writes a second</dt>
          <dd>{number(writesPerSecond)}</dd>
        </div>
        <div>
          <dt>orders that differ</dt>
          <dd data-diverged={lane}>{count(divergedKeys)}</dd>
        </div>
        <div>
          <dt>just changed, not judged yet</dt>
          <dd>{count(waitingKeys)}</dd>
        </div>
        {throughLog ? null : (
          <div>
            <dt>requests that failed half-way</dt>
            <dd>{count(partialWrites)}</dd>
          </div>
        )}
      </dl>
      <div class="scroll" role="region" aria-label={`The stores of ${laneTitles[lane]}`} tabIndex={0}>
        <table>
          <caption class="hidden">The stores of this lane</caption>
          <thead>
            <tr>
              <th scope="col">store</th>
              <th scope="col">now</th>
              <th scope="col">differ</th>
              {throughLog ? (
                <>
                  <th scope="col">behind</th>
                  <th scope="col">applied/s</th>
                  <th scope="col">visible p50</th>
                  <th scope="col">p99</th>
                </>
              ) : null}
            </tr>
          </thead>
          <tbody>
            {storeNames.map((store) => {
              const { verdict, divergedKeys: differing, lagRecords, appliedPerSecond, visibleMs } = stores[store]
              return (
                <tr key={store}>
                  <th scope="row">{storeTitles[store]}</th>
                  <td>
                    <span class={`verdict ${verdict}`}>{verdictWords[verdict]}</span>
                  </td>
                  <td>{count(differing)}</td>
                  {throughLog ? (
                    <>
                      <td>{count(lagRecords)}</td>
                      <td>{number(appliedPerSecond)}</td>
                      <td>{milliseconds(visibleMs?.p50 ?? null)}</td>
                      <td>{milliseconds(visibleMs?.p99 ?? null)}</td>
                    </>
                  ) : null}
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </section>
  )
}

/** Read aloud when the situation changes, and not at every new number. */
function Announcement({ situation, text }: { readonly situation: string; readonly text: string }) {
  const [said, setSaid] = useState(text)
  useEffect(() => {
    setSaid(text)
    // Only of the situation: the text changes every second.
  }, [situation])
  return (
    <p class="hidden" aria-live="polite">
      {said}
    </p>
  )
}
