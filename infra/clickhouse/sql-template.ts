/**
 * Turns a file of SQL statements with `${name}` places into statements. Pure.
 *
 * The HTTP interface takes one statement a request, and neither names nor passwords of users can be query
 * parameters, so both are done here. Values are quoted, never pasted.
 */

/** What may stand in a place: a name of ours, or text that becomes a quoted string. */
export type SqlValue = { readonly name: string } | { readonly text: string }

/** @throws {RangeError} for a name that would need quoting, or a place that has no value. */
export function readStatements(sql: string, values: Readonly<Record<string, SqlValue>>): readonly string[] {
  return sql
    .replace(/^\s*--.*$/gm, '')
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
    .map((statement) => statement.replace(/\$\{(\w+)\}/g, (_, place: string) => render(place, values[place])))
}

/**
 * The same statement for a cluster: it runs on every replica, and a table's rows are on every replica.
 *
 * Users and grants are left as they are: a cluster keeps them in one place for all (infra/kubernetes/stores).
 */
export function onCluster(statement: string, cluster: string): string {
  return statement
    .replace(/^(CREATE (?:DATABASE|TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS \S+)/, `$1 ON CLUSTER '${cluster}'`)
    .replace(/^ENGINE = ReplacingMergeTree/m, 'ENGINE = ReplicatedReplacingMergeTree')
}

function render(place: string, value: SqlValue | undefined): string {
  if (value === undefined) throw new RangeError(`The SQL has a place \${${place}} that nothing fills`)
  if ('text' in value) return `'${value.text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  if (!/^[A-Za-z_]\w*$/.test(value.name)) {
    throw new RangeError(`${JSON.stringify(value.name)} cannot be ${place}: use letters, digits and underscores only`)
  }
  return value.name
}
