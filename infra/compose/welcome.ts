/** The last thing that `docker compose up` starts, when everything is healthy: says where everything is. */
import { runJob } from '@driftlab/service'
import { z } from 'zod'
import { publishedSchema } from './published.ts'

await runJob({
  name: 'welcome',
  environment: process.env,
  schema: z.object({
    ORDERS_CDC_PORTS: publishedSchema,
    ORDERS_DUAL_WRITE_PORTS: publishedSchema,
    AUDITOR_PORT: publishedSchema,
    QUERIES_PORT: publishedSchema,
    DASHBOARD_PORT: publishedSchema,
    /** Whether that lane is started, too: a profile does not show in here. */
    EVENT_SOURCING: z.string().default(''),
    ORDERS_EVENT_SOURCING_PORT: publishedSchema,
  }),
  run: (settings, report) => {
    const {
      ORDERS_CDC_PORTS,
      ORDERS_DUAL_WRITE_PORTS,
      ORDERS_EVENT_SOURCING_PORT,
      AUDITOR_PORT,
      DASHBOARD_PORT,
      QUERIES_PORT,
    } = settings
    report('Driftlab is up.')
    report(`  dashboard                    ${DASHBOARD_PORT.join('')}`)
    report(`  orders, change data capture  ${ORDERS_CDC_PORTS.join('  ')}`)
    report(`  orders, dual writes          ${ORDERS_DUAL_WRITE_PORTS.join('  ')}`)
    if (settings.EVENT_SOURCING !== '') {
      report(`  orders, event sourcing       ${ORDERS_EVENT_SOURCING_PORT.join('  ')}`)
    }
    report(`  queries, the read side       ${QUERIES_PORT.map((url) => `${url}/openapi.json`).join('')}`)
    report(`  auditor                      ${AUDITOR_PORT.map((url) => `${url}/metrics`).join('')}`)
    report('  an audit now                 docker compose exec auditor node services/auditor/src/main.ts')
    report('  load                         LANE=dual-write docker compose run --rm k6')
    return Promise.resolve()
  },
  hint: 'It only prints; see the message above.',
})
