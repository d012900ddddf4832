/**
 * Makes and drops the PostgreSQL half of a lane, by the same SQL function that the migrations use, so that a test's
 * throw-away lane cannot differ from a real one. Needs an administrator's connection.
 */
import { escapeIdentifier, type ClientBase, type Pool } from 'pg'

/** Makes schema `schema` with its tables, triggers and grants. @throws when it exists already, or before `migrate.ts` ran. */
export async function createLane(client: ClientBase | Pool, schema: string): Promise<void> {
  await client.query('select driftlab.create_lane($1)', [schema])
}

/** Drops schema `schema` and every order in it; one that does not exist is no error. */
export async function dropLane(client: ClientBase | Pool, schema: string): Promise<void> {
  await client.query(`drop schema if exists ${escapeIdentifier(schema)} cascade`)
}
