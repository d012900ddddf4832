/** Opens what the event-sourced lane needs: the log, and the search index for the list. */
import { connectLog } from '@driftlab/kafka'
import { eventSourcedTopics } from '@driftlab/order-events'
import { connectElasticsearch } from '@driftlab/stores'
import type { Config } from '../config.ts'
import type { OpenStores, StoresOptions } from '../stores.ts'
import { listOrdersIn } from './list-orders.ts'
import { logOrders } from './log-orders.ts'
import { openOutcomes } from './outcomes.ts'

type EventSourcingConfig = Extract<Config, { readonly WRITE_STRATEGY: 'event-sourcing' }>

const listTimeoutMs = 2_000

export async function openEventSourcing(
  config: EventSourcingConfig,
  lane: string,
  { fail }: Pick<StoresOptions, 'fail'>,
): Promise<OpenStores> {
  const topics = eventSourcedTopics(lane)
  const log = connectLog({ brokers: config.KAFKA_BROKERS, clientId: `orders-${lane}` })
  const admin = await log.connectAdmin()
  const producer = await log.connectProducer()
  const outcomes = await openOutcomes(log, admin, topics.outcomes, fail)
  const elasticsearch = connectElasticsearch(config.ELASTICSEARCH_URL, { timeoutMs: listTimeoutMs })
  const orders = logOrders({
    lane,
    commandTopic: topics.commands,
    producer,
    outcomes,
    list: listOrdersIn(elasticsearch, lane),
    answerTimeoutMs: config.ANSWER_TIMEOUT_MS,
  })
  return {
    orders,
    log: orders,
    checks: {
      log: () => admin.ranges(topics.commands),
      elasticsearch: () => elasticsearch.security.authenticate(),
    },
    close: async () => {
      await outcomes.close()
      await producer.close()
      await admin.close()
      await elasticsearch.close()
    },
  }
}
