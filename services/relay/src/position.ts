/** How far a reader is that leaves the rows where they are. */
import type { z } from 'zod'
import type { ReaderContext } from './reader.ts'

export interface PositionStore<Position> {
  /** Undefined before the first row was published. */
  load(): Promise<Position | undefined>
  save(position: Position): Promise<void>
}

export function positionStore<Position>(
  { client, table, topic }: ReaderContext,
  reader: string,
  schema: z.ZodType<Position>,
): PositionStore<Position> {
  return {
    load: async () => {
      const { rows } = await client.query<{ position: string }>(
        `select position from ${table.positions} where topic = $1 and reader = $2`,
        [topic, reader],
      )
      return rows[0] === undefined ? undefined : schema.parse(JSON.parse(rows[0].position))
    },
    save: async (position) => {
      await client.query({
        name: 'save-position',
        text:
          `insert into ${table.positions} (topic, reader, position) values ($1, $2, $3) ` +
          `on conflict (topic, reader) do update set position = excluded.position`,
        values: [topic, reader, JSON.stringify(position)],
      })
    },
  }
}
