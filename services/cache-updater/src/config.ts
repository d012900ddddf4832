import { sinkConfigSchema } from '@driftlab/sink'
import { z } from 'zod'

const day = 24 * 3_600

export const configSchema = sinkConfigSchema.extend({
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  /**
   * How long a deleted order's version is remembered. It must outlast any replay of old records, or a replayed update
   * would bring the order back; the topic's records and tombstones live for seven days.
   */
  DELETED_VERSION_TTL_S: z.coerce
    .number()
    .int()
    .positive()
    .default(8 * day),
})
