/** The list of a lane's orders, from its search index: a view, which follows the log a moment later. */
import { laneNames, orderDocumentSchema, toRow, type OrderRow } from '@driftlab/order'
import type { Elasticsearch } from '@driftlab/stores'

export function listOrdersIn(
  elasticsearch: Elasticsearch,
  lane: string,
): (after: string | undefined, limit: number) => Promise<readonly OrderRow[]> {
  const { index } = laneNames(lane)
  return async (after, limit) => {
    const { hits } = await elasticsearch.search({
      index,
      size: limit,
      sort: [{ id: 'asc' }],
      ...(after === undefined ? {} : { search_after: [after] }),
    })
    return hits.hits.map(({ _source }) => toRow(orderDocumentSchema.parse(_source)))
  }
}
