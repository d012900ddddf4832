/** Routes that only a lane has whose truth is a log: what became of a command, and stock. */
import type { Request, RequestHandler, Response } from 'express'
import { invalidRequest } from '@driftlab/http-api'
import { parseOrderId, toDocument } from '@driftlab/order'
import { isLimited } from '@driftlab/order-events'
import type { LogQuestions, Stock } from '../event-sourcing/log-orders.ts'
import { Problem } from '../problem.ts'
import { stockReceiptSchema } from '../schemas.ts'
import { readCause } from './orders.ts'

export interface LogQuestionRoutes {
  readonly command: RequestHandler
  readonly stock: RequestHandler
  readonly receive: RequestHandler
}

export function logQuestionRoutes(log: LogQuestions): LogQuestionRoutes {
  return {
    command(request, response) {
      const orderId = parseOrderId(String(request.params['id']))
      const commandId = parseOrderId(String(request.params['commandId']))
      const decided = commandId === undefined ? undefined : log.outcome(commandId)
      if (orderId === undefined || decided === undefined) {
        throw new Problem('command-unknown', 'It was not decided yet, or so long ago that nobody remembers.')
      }
      response.json(
        decided.status === 'accepted'
          ? { commandId, orderId, status: 'accepted', order: toDocument(decided.order) }
          : { commandId, orderId, status: 'refused', detail: decided.problem.message },
      )
    },

    async stock(request, response) {
      const sku = readSku(request)
      sendStock(response, sku, await log.stock(sku))
    },

    async receive(request, response) {
      const sku = readSku(request)
      const receipt = stockReceiptSchema.safeParse(request.body)
      if (!receipt.success) throw invalidRequest(receipt.error, 'body')
      sendStock(response, sku, await log.receive(sku, receipt.data.quantity, readCause(request)))
    },
  }
}

/** Of all other goods there is as much as anybody wants. */
function readSku(request: Request): string {
  const sku = String(request.params['sku'])
  if (isLimited(sku) && sku.length <= 64 && sku.isWellFormed()) return sku
  throw new Problem('route-unknown', 'Only goods whose sku begins with limited- have a stock.')
}

function sendStock(response: Response, sku: string, { receivedUnits, reservedUnits }: Stock): void {
  response.json({ sku, receivedUnits, reservedUnits, availableUnits: receivedUnits - reservedUnits })
}
