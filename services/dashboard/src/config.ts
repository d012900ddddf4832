import { join } from 'node:path'
import { portSchema } from '@driftlab/service'
import { z } from 'zod'

const address = z
  .url({ protocol: /^https?$/, error: 'must be an http:// URL' })
  .transform((text) => new URL(text).origin)

const addresses = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(address))

/** Where everybody is whom the page shows; of the orders services several, separated by commas. No credential at all. */
export const configSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: portSchema,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  ORDERS_CDC_URLS: addresses,
  ORDERS_DUAL_WRITE_URLS: addresses,
  CACHE_UPDATER_URL: address,
  SEARCH_INDEXER_URL: address,
  WAREHOUSE_LOADER_URL: address,
  AUDITOR_URL: address,
  /** Of the controls; without it there are none, as in containers. */
  CONTROLS_URL: address.optional(),
  /** Names of this server beside those of loopback, separated by commas. */
  ALLOWED_HOSTS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .toLowerCase()
        .split(',')
        .filter((name) => name !== ''),
    ),
  /** What `build.ts` has made. */
  PAGE_DIR: z.string().default(join(import.meta.dirname, '../dist')),
})
export type Config = Readonly<z.output<typeof configSchema>>
