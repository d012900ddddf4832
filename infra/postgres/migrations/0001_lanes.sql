-- Lanes: one schema for each write strategy, all made by the same function, so that lanes can differ in how a write
-- travels and in nothing else.
--
-- Group roles carry the rights; the users that log in, whose names and passwords are settings, are members of them
-- (infra/postgres/migrate.ts). Migrations go forward only.

do $$
declare
  role_name text;
begin
  -- Roles belong to the whole server, so another database of it may have made them already.
  foreach role_name in array array['orders_writer', 'orders_replicator', 'orders_auditor'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = role_name) then
      execute format('create role %I nologin', role_name);
    end if;
  end loop;
  -- The auditor compares the replication slot's position with its own watermark.
  grant pg_monitor to orders_auditor;

  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to orders_writer, orders_replicator, orders_auditor', current_database());
end
$$;

-- The numbers that people reason with are the database's, whatever the statement says: a revision that rises by one
-- with each update, a time that never goes back, a key and a birth that never change.
create function driftlab.raise_revision() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.id <> old.id then
    raise exception 'an order keeps its id (% would become %)', old.id, new.id using errcode = 'restrict_violation';
  end if;
  new.revision := old.revision + 1;
  new.created_at := old.created_at;
  new.updated_at := greatest(clock_timestamp()::timestamptz(3), old.updated_at);
  return new;
end
$$;

-- Remembers which orders existed and are gone, so that the API can say "gone" and the auditor can tell an order that
-- came back in a derived store from one that never was. It runs with its owner's rights: those who may delete an order
-- may not write this table by themselves.
create function driftlab.record_deletion() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  execute format(
    'insert into %I.order_deletions (id, revision) values ($1, $2)
     on conflict (id) do update set revision = excluded.revision, deleted_at = excluded.deleted_at',
    tg_table_schema
  ) using old.id, old.revision;
  return null;
end
$$;

-- TRUNCATE reaches the log as one change without keys: no sink could tell which orders it removed.
create function driftlab.refuse_truncate() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'TRUNCATE of %.% would leave the derived stores behind', tg_table_schema, tg_table_name
    using errcode = 'feature_not_supported',
          hint = 'DELETE writes every removed order to the log; use that.';
end
$$;

-- Makes the schema `lane_schema` with everything that a lane keeps in PostgreSQL, and the rights on it.
create function driftlab.create_lane(lane_schema text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $create_lane$
begin
  execute format($ddl$
    create schema %1$I;

    create table %1$I.orders (
      id            uuid           primary key,
      customer_id   text           not null check (char_length(customer_id) between 1 and 64),
      customer_name text           not null check (char_length(customer_name) between 1 and 200),
      items         jsonb          not null check (jsonb_typeof(items) = 'array' and jsonb_array_length(items) between 1 and 100),
      status        text           not null default 'placed' check (status in ('placed', 'paid', 'shipped', 'delivered', 'cancelled')),
      note          text           not null default '' check (char_length(note) <= 50000),
      -- 2^53 - 1: every store and every reader in between holds it exactly.
      total_cents   bigint         not null check (total_cents between 0 and 9007199254740991),
      currency      text           not null check (currency ~ '^[A-Z]{3}$'),
      created_at    timestamptz(3) not null default now() check (isfinite(created_at)),
      updated_at    timestamptz(3) not null default now() check (isfinite(updated_at)),
      revision      bigint         not null default 1 check (revision between 1 and 9007199254740991),
      check (updated_at >= created_at)
    );
    -- The log then carries the whole old row: a large column that an update leaves alone is kept out of line and would
    -- otherwise be missing from the change.
    alter table %1$I.orders replica identity full;

    create table %1$I.order_deletions (
      id         uuid           primary key,
      revision   bigint         not null,
      deleted_at timestamptz(3) not null default now()
    );

    create table %1$I.idempotency_keys (
      key         text           primary key check (char_length(key) between 1 and 255),
      fingerprint text           not null,
      order_id    uuid           not null,
      created_at  timestamptz(3) not null default now()
    );
    create index on %1$I.idempotency_keys (created_at);

    create trigger raise_revision before update on %1$I.orders
      for each row execute function driftlab.raise_revision();
    create trigger record_deletion after delete on %1$I.orders
      for each row execute function driftlab.record_deletion();
    create trigger refuse_truncate before truncate on %1$I.orders
      for each statement execute function driftlab.refuse_truncate();

    grant usage on schema %1$I to orders_writer, orders_auditor;
    grant select, delete,
      insert (id, customer_id, customer_name, items, status, note, total_cents, currency),
      update (customer_name, items, status, note, total_cents)
      on %1$I.orders to orders_writer;
    grant select on %1$I.order_deletions to orders_writer;
    grant select, insert, delete on %1$I.idempotency_keys to orders_writer;
    grant select on %1$I.orders, %1$I.order_deletions to orders_auditor;
  $ddl$, lane_schema);
end
$create_lane$;

revoke all on all functions in schema driftlab from public;

select driftlab.create_lane('cdc');
select driftlab.create_lane('dual_write');
