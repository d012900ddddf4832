/** Both lanes as one picture: what moves along each arrow, and where changes wait. The same is said in words beside it. */
import { ordersOf, sinkOf, storeNames, storeTitles, type StoreName } from '../src/lanes.ts'
import type { Snapshot, Verdict } from '../src/snapshot.ts'
import { bytes, count, number } from './format.ts'

const rowOf: Readonly<Record<StoreName, number>> = { redis: 60, elasticsearch: 170, clickhouse: 280 }

export function Pipeline({ snapshot }: { readonly snapshot: Snapshot }) {
  const { cdc, 'dual-write': dual } = snapshot.lanes
  const { targets } = snapshot
  const slotActive = cdc.slot === null || cdc.slot.state === 'active' || cdc.slot.state === 'unknown'
  return (
    <div class="scroll" role="region" aria-label="The pipeline" tabIndex={0}>
      <svg class="pipeline" viewBox="0 40 1000 410" role="img" aria-labelledby="pipeline-picture pipeline-words">
        <title id="pipeline-picture">How a write reaches the stores in both lanes</title>
        <desc id="pipeline-words">{describe(snapshot)}</desc>
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 L8 4 L0 8 Z" class="arrowhead" />
          </marker>
        </defs>

        <Box x={10} y={170} label="orders" detail="cdc" down={targets[ordersOf.cdc].state === 'down'} lane="cdc" />
        <Arrow path="M120 200 H168" label={`${number(cdc.writesPerSecond)}/s`} at={[145, 192]} lane="cdc" />
        <Box x={170} y={170} label="PostgreSQL" detail={`${bytes(cdc.slot?.unconfirmedBytes ?? null)} wait`} />
        <Arrow path="M280 200 H328" lane="cdc" broken={!slotActive} />
        <Box
          x={330}
          y={170}
          label="Debezium"
          detail={cdc.slot === null ? 'not seen' : cdc.slot.state}
          down={!slotActive}
          lane="cdc"
        />
        <Arrow path="M440 200 H488" lane="cdc" />
        <Box x={490} y={170} label="Kafka" detail="the log" lane="cdc" />
        {storeNames.map((store) => {
          const { lagRecords, appliedPerSecond, verdict, sinkState } = cdc.stores[store]
          const down = targets[sinkOf[store]].state === 'down'
          const y = rowOf[store]
          const detail = down ? 'down' : (sinkState ?? '')
          return (
            <g key={store}>
              <Arrow
                path={`M600 200 H615 V${y + 30} H656`}
                label={`${count(lagRecords)} wait`}
                at={[640, y + 22]}
                lane="cdc"
                broken={down}
              />
              <Box x={658} y={y} width={144} label={sinkOf[store]} detail={detail} down={down} lane="cdc" />
              <Arrow
                path={`M802 ${y + 22} H878`}
                label={`${number(appliedPerSecond)}/s`}
                at={[824, y + 14]}
                lane="cdc"
                broken={down}
              />
              <Box x={880} y={y} label={storeTitles[store]} detail={storeDetail(verdict, dual.stores[store].verdict)} />
            </g>
          )
        })}

        <Box
          x={170}
          y={380}
          label="orders"
          detail="dual-write"
          down={targets[ordersOf['dual-write']].state === 'down'}
          lane="dual-write"
        />
        <Arrow path="M225 380 V232" label="1" at={[215, 310]} lane="dual-write" />
        <Arrow
          path={`M280 410 H850 V${rowOf.redis + 44} H878`}
          label={`2, 3, 4: each store in turn, ${number(dual.writesPerSecond)}/s`}
          at={[420, 402]}
          lane="dual-write"
        />
        {(['elasticsearch', 'clickhouse'] as const).map((store) => (
          <Arrow key={store} path={`M850 ${rowOf[store] + 44} H878`} lane="dual-write" />
        ))}
      </svg>
    </div>
  )
}

interface BoxProps {
  readonly x: number
  readonly y: number
  readonly width?: number
  readonly label: string
  readonly detail: string
  readonly down?: boolean
  readonly lane?: 'cdc' | 'dual-write'
}

function Box({ x, y, width = 110, label, detail, down = false, lane }: BoxProps) {
  return (
    <g class={`box ${lane ?? 'store'} ${down ? 'down' : ''}`}>
      <rect x={x} y={y} width={width} height="60" rx="8" />
      <text x={x + width / 2} y={y + 26} text-anchor="middle">
        {label}
      </text>
      <text x={x + width / 2} y={y + 46} text-anchor="middle" class="detail">
        {detail}
      </text>
    </g>
  )
}

interface ArrowProps {
  readonly path: string
  readonly label?: string
  /** Where the label stands. */
  readonly at?: readonly [number, number]
  readonly lane: 'cdc' | 'dual-write'
  readonly broken?: boolean
}

function Arrow({ path, label = '', at: [x, y] = [0, 0], lane, broken = false }: ArrowProps) {
  return (
    <g class={`arrow ${lane} ${broken ? 'broken' : ''}`}>
      <path d={path} marker-end="url(#arrow)" />
      {label === '' ? null : (
        <text x={x} y={y} text-anchor="middle" class="rate">
          {label}
        </text>
      )}
    </g>
  )
}

function storeDetail(cdc: Verdict, dual: Verdict): string {
  const sign: Readonly<Record<Verdict, string>> = { consistent: '✓', diverged: '≠', unknown: '?' }
  return `cdc ${sign[cdc]}  dual ${sign[dual]}`
}

function describe({ lanes: { cdc, 'dual-write': dual } }: Snapshot): string {
  const waits = storeNames.map((store) => `${count(cdc.stores[store].lagRecords)} records before ${storeTitles[store]}`)
  return [
    `Change data capture: orders write PostgreSQL, ${number(cdc.writesPerSecond)} a second; its log, of which`,
    `${bytes(cdc.slot?.unconfirmedBytes ?? null)} wait, goes through Debezium into Kafka, where ${waits.join(', ')} wait.`,
    `Dual writes: orders write PostgreSQL, Redis, Elasticsearch and ClickHouse in turn, ${number(dual.writesPerSecond)} a second.`,
  ].join(' ')
}
