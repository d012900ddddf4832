/** Where docker-compose.yml publishes our APIs: a range of ports for each lane's orders service, and one for the read side and for the page. */
import { z } from 'zod'

const ranges = {
  'orders-cdc': { variable: 'ORDERS_CDC_PORTS', range: '13101-13102' },
  'orders-dual-write': { variable: 'ORDERS_DUAL_WRITE_PORTS', range: '13201-13202' },
  queries: { variable: 'QUERIES_PORT', range: '13305' },
  dashboard: { variable: 'DASHBOARD_PORT', range: '13000' },
} as const
export type PublishedService = keyof typeof ranges

/** A port or a range of ports as compose writes it, read as the addresses on this machine's loopback. */
export const publishedSchema = z
  .string()
  .regex(/^\d+(-\d+)?$/, 'must be a port or a range of ports, such as 13101-13102')
  .transform((text): readonly string[] => {
    const [first = 0, last = first] = text.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_unused, index) => `http://127.0.0.1:${first + index}`)
  })

export function isPublished(service: string): service is PublishedService {
  return service in ranges
}

/** The address of each instance. @param environment overrides the file's defaults, as it does for compose. */
export function publishedUrls(
  service: PublishedService,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const { variable, range } = ranges[service]
  return publishedSchema.parse(environment[variable] ?? range)
}
