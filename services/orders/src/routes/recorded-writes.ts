/** How the newest writes of an order reached the stores, of a lane whose service writes every store itself. */
import type { RequestHandler } from 'express'
import type { WriteRecorder } from '../writes/recorded-writes.ts'
import { readId } from './orders.ts'

export type RecordedWrites = Pick<WriteRecorder, 'of' | 'sinceMs'>

export function recordedWritesRoute(recorded: RecordedWrites): RequestHandler {
  return (request, response) => {
    const orderId = readId(request)
    response.json({ orderId, recordedSinceMs: recorded.sinceMs, writes: recorded.of(orderId).map(describe) })
  }
}

function describe({ id, operation, revision, stores }: ReturnType<RecordedWrites['of']>[number]) {
  return { id, operation, revision, stores }
}
