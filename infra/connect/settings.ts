/**
 * The connectors' names and their configurations: the JSON files beside this one with the environment's values filled in.
 *
 * The passwords are not among them. The worker reads `${env:…}` in its own environment, so that it stands neither in the
 * topic of configurations nor in what Connect's REST interface answers.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { portSchema } from '@driftlab/service'

export const connectorName = 'driftlab-orders'

/** Natively everything is on LAB_HOST; in containers each has a name of its own. */
export const connectorSettingsSchema = z
  .object({
    LAB_HOST: z.string().default('127.0.0.1'),
    CONNECT_HOST: z.string().optional(),
    CONNECT_PORT: portSchema,
    POSTGRES_HOST: z.string().optional(),
    POSTGRES_PORT: portSchema,
    POSTGRES_DATABASE: z.string(),
    POSTGRES_REPLICATION_USER: z.string(),
  })
  .transform((settings) => ({
    ...settings,
    CONNECT_HOST: settings.CONNECT_HOST ?? settings.LAB_HOST,
    POSTGRES_HOST: settings.POSTGRES_HOST ?? settings.LAB_HOST,
  }))
export type ConnectorSettings = Readonly<z.output<typeof connectorSettingsSchema>>

/** Of the connector that reads MariaDB's binlog. It runs natively, or not at all. */
export const binlogConnectorName = 'driftlab-binlog-orders'
export interface BinlogConnectorSettings {
  readonly LAB_HOST: string
  readonly KAFKA_PORT: string
  readonly MARIADB_PORT: string
  readonly MARIADB_REPLICATION_USER: string
}

export type ConnectorConfig = Readonly<Record<string, string>>

/** Puts the value of each `${NAME}` into the values of `template`. @throws naming a placeholder that has no value. */
export function fillPlaceholders(
  template: ConnectorConfig,
  settings: Readonly<Record<string, string | number>>,
): ConnectorConfig {
  return Object.fromEntries(
    Object.entries(template).map(([option, value]) => [
      option,
      value.replaceAll(/\$\{(\w+)\}/g, (_placeholder, name: string) => {
        const setting = settings[name]
        if (setting === undefined) throw new Error(`The connector's ${option} wants \${${name}}, which is no setting`)
        return String(setting)
      }),
    ]),
  )
}

export async function readConnectorConfig(settings: ConnectorSettings): Promise<ConnectorConfig> {
  return fillPlaceholders(await readTemplate('orders-connector.json'), settings)
}

/** The same with what is different when it publishes the outbox of a lane: its events, each under its order's id. */
export async function readOutboxConnectorConfig(settings: ConnectorSettings, schema: string): Promise<ConnectorConfig> {
  const template = {
    ...(await readTemplate('orders-connector.json')),
    ...(await readTemplate('outbox-connector.json')),
  }
  return fillPlaceholders(template, { ...settings, SCHEMA: schema })
}

export async function readBinlogConnectorConfig(settings: BinlogConnectorSettings): Promise<ConnectorConfig> {
  const { LAB_HOST, KAFKA_PORT, MARIADB_PORT, MARIADB_REPLICATION_USER } = settings
  return fillPlaceholders(await readTemplate('binlog-connector.json'), {
    MARIADB_HOST: LAB_HOST,
    MARIADB_PORT,
    MARIADB_REPLICATION_USER,
    KAFKA_BROKERS: `${LAB_HOST}:${KAFKA_PORT}`,
  })
}

async function readTemplate(file: string): Promise<ConnectorConfig> {
  const text = await readFile(join(import.meta.dirname, file), 'utf8')
  return z.record(z.string(), z.string()).parse(JSON.parse(text))
}
