/**
 * Makes and drops the PostgreSQL half of a lane, by the same SQL function that the migrations use, so that a test's
 * throw-away lane cannot differ from a real one. Needs an administrator's connection.
 */
import { escapeIdentifier, type ClientBase, type Pool } from 'pg'

/** Makes schema `schema` with its tables, triggers and grants. @throws when it exists already, or before `migrate.ts` ran. */
export async function createLane(client: ClientBase | Pool, schema: string): Promise<void> {
  await client.query('select driftlab.create_lane($1)', [schema])
}

/** Gives the lane an outbox, and the publication `driftlab_<schema>` that holds it. */
export async function addOutbox(client: ClientBase | Pool, schema: string): Promise<void> {
  await client.query('select driftlab.add_outbox($1)', [schema])
}

/** Gives the lane a change table, and the trigger on its orders that writes it. */
export async function addChangeTable(client: ClientBase | Pool, schema: string): Promise<void> {
  await client.query('select driftlab.add_change_table($1)', [schema])
}

/** Drops schema `schema`, every order in it and its publication; one that does not exist is no error. */
export async function dropLane(client: ClientBase | Pool, schema: string): Promise<void> {
  await client.query(`drop publication if exists ${escapeIdentifier(`driftlab_${schema}`)}`)
  await client.query(`drop schema if exists ${escapeIdentifier(schema)} cascade`)
}
