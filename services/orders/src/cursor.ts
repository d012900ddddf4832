/** The place in the list of orders where a page ended: the id of its last order. */
import { createCursors } from '@driftlab/http-api'
import { parseOrderId } from '@driftlab/order'
import { z } from 'zod'

export const cursors = createCursors('after', z.tuple([z.string().refine((id) => parseOrderId(id) === id)]))
