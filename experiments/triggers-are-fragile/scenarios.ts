/** What is done to the orders in each scenario, as data. LANE stands for the schema, $1 for the scenario's own orders. */
import type { ScenarioName } from './history.ts'

export interface Scenario {
  readonly name: ScenarioName
  /** How many orders exist before, captured by everybody. */
  readonly orders: number
  /** Before the scenario: what is different in it. */
  readonly prepare?: readonly string[]
  /** One transaction. */
  readonly act: readonly string[]
  readonly undo?: readonly string[]
  /** Stops the relay and the connectors while it acts. */
  readonly capturesDown?: boolean
}

const update = `update LANE.orders set note = 'changed' where customer_id = $1`
const fireAlways = 'alter table LANE.orders enable always trigger record_change'
/** As many are written, and as many were generated once from the columns of that day. */
const listsColumns = `
  create or replace function LANE.record_change() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
  as $$
  begin
    insert into LANE.order_changes (operation, before, after)
    values (lower(tg_op),
      case when tg_op <> 'INSERT' then LANE.listed(old) end, case when tg_op <> 'DELETE' then LANE.listed(new) end);
    return null;
  end
  $$`
const listed = `
  create function LANE.listed(o LANE.orders) returns jsonb language sql immutable as $$
    select jsonb_build_object('id', o.id, 'customer_id', o.customer_id, 'customer_name', o.customer_name,
      'items', o.items, 'status', o.status, 'note', o.note, 'total_cents', o.total_cents, 'currency', o.currency,
      'created_at', o.created_at, 'updated_at', o.updated_at, 'revision', o.revision)
  $$`

/** A file that the server writes and reads itself. */
const bulkFile = `(select current_setting('data_directory') || '/driftlab-bulk.copy')`
const bulkColumns = 'id, customer_id, customer_name, items, total_cents, currency'
const copy = (direction: string): string => `
  do $$ begin execute format('copy ${direction}', ${bulkFile}); end $$`

export const scenarios: readonly Scenario[] = [
  { name: 'an update', orders: 20, act: [update] },
  {
    name: 'COPY',
    orders: 0,
    prepare: [
      copy(
        `(select uuidv7(), ''COPY'', ''n'', ''[{"sku": "s", "description": "d", "quantity": 1, "unitPriceCents": 1}]'', 1, ''EUR'' from generate_series(1, 1000)) to %L`,
      ),
    ],
    act: [copy(`LANE.orders (${bulkColumns}) from %L`)],
  },
  {
    name: 'session_replication_role = replica, trigger ENABLE ALWAYS',
    orders: 20,
    act: ['set local session_replication_role = replica', update],
  },
  {
    name: 'session_replication_role = replica, trigger as it comes',
    orders: 20,
    prepare: ['alter table LANE.orders enable trigger record_change'],
    act: ['set local session_replication_role = replica', update],
    undo: [fireAlways],
  },
  {
    name: 'DISABLE TRIGGER',
    orders: 20,
    act: ['alter table LANE.orders disable trigger all', update, 'alter table LANE.orders enable trigger all'],
    undo: [fireAlways],
  },
  {
    name: 'TRUNCATE',
    orders: 20,
    // A lane of ours refuses it for this very reason.
    prepare: ['drop trigger refuse_truncate on LANE.orders'],
    act: ['truncate LANE.orders'],
  },
  {
    name: 'an added column, then an update of it',
    orders: 20,
    prepare: ['alter table LANE.orders add column priority int'],
    act: ['update LANE.orders set priority = 7 where customer_id = $1'],
  },
  {
    name: 'an added column, by a trigger that lists its columns',
    orders: 20,
    prepare: [listed, listsColumns],
    act: ['update LANE.orders set priority = 8 where customer_id = $1'],
    undo: [
      listsColumns.replaceAll(/LANE\.listed\((old|new)\)/g, 'to_jsonb($1)'),
      'drop function LANE.listed(LANE.orders)',
    ],
  },
  {
    name: 'an added column with a default, and no update',
    orders: 20,
    act: ['alter table LANE.orders drop column priority', 'alter table LANE.orders add column priority int default 5'],
  },
  { name: 'an update while the capture is down', orders: 20, act: [update], capturesDown: true },
]
