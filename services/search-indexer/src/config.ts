import { sinkConfigSchema } from '@driftlab/sink'
import { z } from 'zod'

export const configSchema = sinkConfigSchema.extend({
  ELASTICSEARCH_URL: z.url({ protocol: /^https?$/ }),
})
