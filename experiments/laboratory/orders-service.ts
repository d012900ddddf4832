/** Instances of the orders service on a lane of an experiment, with the rights that the service really has. */
import type { Laboratory } from './laboratory.ts'
import { startService, type Service } from './service.ts'

export interface OrdersServiceOptions {
  readonly lane: string
  /** WRITE_STRATEGY. */
  readonly strategy: string
  readonly instances: number
  readonly environment?: Readonly<Record<string, string>>
}

export async function startOrders(
  laboratory: Laboratory,
  { lane, strategy, instances, environment = {} }: OrdersServiceOptions,
): Promise<readonly Service[]> {
  const { url } = laboratory
  return await Promise.all(
    Array.from({ length: instances }, (_, index) =>
      startService(laboratory, {
        name: `orders-${lane}-${index + 1}`,
        folder: 'orders',
        environment: {
          WRITE_STRATEGY: strategy,
          LANE: lane,
          POSTGRES_URL: url.postgres('ORDERS'),
          REDIS_URL: url.redis('ORDERS'),
          ELASTICSEARCH_URL: url.elasticsearch('ORDERS'),
          CLICKHOUSE_URL: url.clickhouse('ORDERS'),
          ...environment,
        },
      }),
    ),
  )
}
