/** The orders of a lane in the system of record, where that is PostgreSQL, read as the auditor reads them. */
import { openPostgres, type SourceRow, type SourceState, type Specification } from '@driftlab/auditor'
import { databaseFaultOf } from '@driftlab/stores'
import type { Lane } from '../lanes.ts'
import { LaneOff, StoreUnavailable } from './failure.ts'

export interface SystemOfRecord {
  /** The row, or that it was deleted, or neither. @throws {StoreUnavailable} */
  read(id: string): Promise<SourceState<SourceRow>>
  close(): Promise<void>
}

export function openSystemOfRecord(
  url: string,
  lane: Lane,
  specification: Specification,
  options: { readonly timeoutMs: number; readonly onIdleError: (error: Error) => void },
): SystemOfRecord {
  const described = specification.lanes[lane.name]
  if (described?.table === undefined) throw new TypeError(`The specification has no table of lane ${lane.name}`)
  const { table, deletions } = described
  const source = openPostgres(url, specification.record, { table, deletions }, { ...options, connectionsMax: 4 })
  return {
    read: async (id) => {
      try {
        return (await source.rows([id])).get(id) ?? { row: null, deletion: null }
      } catch (error) {
        if (isMissing(error)) throw new LaneOff(lane.name, error)
        switch (databaseFaultOf(error)) {
          case 'contended':
          case 'unavailable':
            throw new StoreUnavailable('postgresql', error)
          case 'refused':
          case 'bug':
            throw error
        }
      }
    },
    close: () => source.close(),
  }
}

/** Neither the table nor its schema is there. */
function isMissing(error: unknown): boolean {
  return Error.isError(error) && 'code' in error && (error.code === '42P01' || error.code === '3F000')
}
