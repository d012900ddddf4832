/** Of lanes whose truth is a log: what an order was at any moment, and every event that led to it. */
import { createCursors, readCursor } from '@driftlab/http-api'
import { toDocument, toRow } from '@driftlab/order'
import type { RequestHandler } from 'express'
import { z } from 'zod'
import type { Moment, Step } from '../../../order-processor/src/log-questions.ts'
import { asOf, type AsOf } from '../as-of.ts'
import { Problem } from '../problem.ts'
import type { LogQuestionSchemas } from '../schemas.ts'
import type { EventLog, Recorded } from '../stores/log.ts'
import { orderAsOf, stepsOf } from '../trail.ts'
import { readId, readQuestion, type RouteParts } from './question.ts'

export interface LogRouteParts extends Omit<RouteParts, 'questions'> {
  readonly questions: LogQuestionSchemas
  readonly eventLog: EventLog
}

const cursors = createCursors('event', z.tuple([z.int().nonnegative()]))

export function logRoutes(parts: LogRouteParts): { readonly state: RequestHandler; readonly trail: RequestHandler } {
  const { questions, eventLog, now } = parts

  const freshness = (step: Step | undefined): AsOf => {
    const revision = step !== undefined && 'order' in step.after ? step.after.order.revision : null
    return asOf('revision', { version: revision, at: step?.event.at }, now())
  }

  const read = async (
    lane: Parameters<EventLog['recordsOf']>[0],
    id: string,
  ): Promise<{ readonly recorded: Recorded; readonly steps: readonly Step[] }> => {
    const recorded = await eventLog.recordsOf(lane, id)
    const steps = stepsOf(recorded, id)
    if (steps.length === 0) throw new Problem('order-unknown', `The log of lane ${lane.name} knows of no order ${id}.`)
    return { recorded, steps }
  }

  return {
    async state(request, response) {
      const id = readId(request)
      const { offset, time, open } = readQuestion(request, questions.state, parts)
      const { recorded, steps } = await read(open.lane, id)
      const { state, last, laterEvents } = orderAsOf(steps, momentOf(offset, time), recorded)
      response.json({
        id,
        state: state.kind,
        order: 'order' in state ? toDocument(toRow(state.order)) : null,
        last: last === null ? null : { place: last.place, sequence: last.event.sequence, at: last.event.at },
        laterEvents,
        asOf: freshness(last ?? undefined),
      })
    },

    async trail(request, response) {
      const id = readId(request)
      const { cursor, limit, open } = readQuestion(request, questions.trail, parts)
      const [after = 0] = readCursor(cursors, cursor) ?? []
      const { steps } = await read(open.lane, id)
      const found = steps.filter(({ event }) => event.sequence > after)
      const page = found.slice(0, limit)
      const last = page.at(-1)
      response.json({
        events: page.map(({ place, event }) => ({ place, event })),
        nextCursor: found.length > limit && last !== undefined ? cursors.encode([last.event.sequence]) : null,
        asOf: freshness(steps.at(-1)),
      })
    },
  }
}

function momentOf(offset: number | undefined, time: string | undefined): Moment {
  if (offset !== undefined) return { kind: 'offset', offset }
  return time === undefined ? { kind: 'now' } : { kind: 'time', time }
}
