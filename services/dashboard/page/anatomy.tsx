/** The writes that collided on one order: in words, drawn on an axis of time, and as a table for whoever does not see it. */
import { dissect, layOut, stepsOf, type Drawing, type HeldRevisions, type RecordedWrites } from '@driftlab/anatomy'

export function Anatomy({ held, recorded }: { readonly held: HeldRevisions; readonly recorded: RecordedWrites }) {
  const anatomy = dissect(held, recorded)
  const { writers, explanations, caveat } = anatomy
  return (
    <section class="anatomy" aria-labelledby="anatomy-title">
      <h4 id="anatomy-title">How it came about</h4>
      <ul>
        {explanations.map(({ store, cause, text }) => (
          <li key={store} data-store={store} data-cause={cause}>
            {text}
          </li>
        ))}
      </ul>
      {caveat === '' ? null : <p class="explanation">Keep in mind: {caveat}.</p>}
      {writers.length === 0 ? null : (
        <>
          <div class="scroll" role="region" aria-label="The writes on an axis of time" tabIndex={0}>
            <Picture drawing={layOut(anatomy)} />
          </div>
          <Steps steps={stepsOf(anatomy)} />
        </>
      )}
    </section>
  )
}

function Picture({ drawing: { width, height, ticks, rows, paths } }: { readonly drawing: Drawing }) {
  return (
    <>
      <svg class="writes" viewBox={`0 0 ${width} ${height}`} role="img" aria-labelledby="writes-picture">
        <title id="writes-picture">The writes on an axis of time; the table below says the same</title>
        {ticks.map(({ x, fromY, toY, text }) => (
          <g key={x} class="tick">
            <path d={`M${x} ${fromY} V${toY}`} />
            <text x={x} y={fromY - 8} text-anchor="middle">
              {text}
            </text>
          </g>
        ))}
        {rows.map(({ store, y, title, titleX, holder, holderX }) => (
          <g key={store}>
            <text x={titleX} y={y} text-anchor="end">
              {title}
            </text>
            <text x={holderX} y={y} data-holder={store} class="detail">
              {holder}
            </text>
          </g>
        ))}
        {paths.map(({ label, points, bars }, index) => (
          <g key={label} class={toneOf(index)} data-writer={label}>
            <polyline points={points} />
            {bars.map(({ outcome, mark, markX, markY, ...bar }, step) => (
              <g key={step} class={outcome}>
                <rect {...bar} rx="2" />
                <text x={markX} y={markY} class="mark">
                  {mark}
                </text>
              </g>
            ))}
          </g>
        ))}
      </svg>
      <ol class="legend writers">
        {paths.map(({ label, caption }, index) => (
          <li key={label}>
            <span class={`swatch ${toneOf(index)}`} aria-hidden="true" />
            {caption}
          </li>
        ))}
      </ol>
    </>
  )
}

const toneOf = (index: number): string => `writer-${index % 3}`

function Steps({ steps }: { readonly steps: ReturnType<typeof stepsOf> }) {
  return (
    <details>
      <summary>The same as a table</summary>
      <table class="steps">
        <thead>
          <tr>
            {['from', 'to', 'write', 'store', 'outcome'].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {steps.map((cells) => (
            <tr key={cells.join(' ')}>
              {cells.map((cell, index) => (
                <td key={index}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  )
}
