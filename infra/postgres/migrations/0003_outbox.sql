-- The transactional outbox: a table in the lane's schema that takes a domain event in the very transaction that changes
-- the order. A relay publishes it (services/relay), or Debezium does (infra/connect/outbox-connector.json).

do $$
begin
  -- Roles belong to the whole server, so another database of it may have made this one already.
  if not exists (select from pg_catalog.pg_roles where rolname = 'orders_relay') then
    create role orders_relay nologin;
  end if;
  execute format('grant connect on database %I to orders_relay', current_database());
end
$$;

-- What a relay may do with a table that it publishes: read it, take rows out of it, and remember how far it is.
create function driftlab.let_relay_publish(lane_schema text, table_name text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $let_relay_publish$
begin
  execute format($ddl$
    create table if not exists %1$I.relay_positions (
      topic    text not null,
      reader   text not null,
      position text not null,
      primary key (topic, reader)
    );
    grant usage on schema %1$I to orders_relay;
    grant select, insert, update on %1$I.relay_positions to orders_relay;
    grant select, delete on %1$I.%2$I to orders_relay;
  $ddl$, lane_schema, table_name);
end
$let_relay_publish$;

-- Adds an outbox to the lane `lane_schema`, and a publication of its own that holds nothing else.
create function driftlab.add_outbox(lane_schema text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $add_outbox$
begin
  execute format($ddl$
    -- The column names in small letters without underscores are those that Debezium's outbox event router looks for.
    create table %1$I.outbox (
      -- Given while the order's row is locked, so for one order it rises in the order of its changes. Among several
      -- orders it does not rise in the order of the commits.
      seq           bigint generated always as identity primary key,
      xid           xid8   not null default pg_current_xact_id(),
      id            uuid   not null default gen_random_uuid(),
      aggregatetype text   not null,
      aggregateid   text   not null,
      type          text   not null,
      payload       jsonb  not null
    );
    create index on %1$I.outbox (xid, seq);

    grant insert (aggregatetype, aggregateid, type, payload) on %1$I.outbox to orders_writer;
    grant usage on schema %1$I to orders_replicator;
    grant select on %1$I.outbox to orders_replicator;
    create publication %2$I for table %1$I.outbox with (publish = 'insert');
  $ddl$, lane_schema, 'driftlab_' || lane_schema);
  perform driftlab.let_relay_publish(lane_schema, 'outbox');
end
$add_outbox$;

revoke all on all functions in schema driftlab from public;
