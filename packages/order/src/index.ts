export { decideChange, movesFrom, type ChangeDecision, type OrderChange, type OrderPatch } from './lifecycle.ts'
export { totalCentsOf } from './totals.ts'
export {
  laneNames,
  orderDocumentSchema,
  orderEvents,
  orderItemSchema,
  orderRecords,
  orderRowSchema,
  orderStatuses,
  parseOrderId,
  parseOrderRow,
  toDocument,
  toRow,
  toWarehouseOrder,
  type LaneNames,
  type OrderDocument,
  type OrderEvent,
  type OrderItem,
  type OrderRow,
  type OrderStatus,
  type WarehouseOrder,
} from './order.ts'
