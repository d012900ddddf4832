-- Who shows orders to people and to other programs (services/queries) reads them and nothing else: unlike the auditor, who
-- also looks at the server and its slots, and writes empty messages to the log.

do $$
begin
  -- Roles belong to the whole server, so another database of it may have made this one already.
  if not exists (select from pg_catalog.pg_roles where rolname = 'orders_reader') then
    create role orders_reader nologin;
  end if;
  execute format('grant connect on database %I to orders_reader', current_database());
end
$$;

create function driftlab.let_readers_read(lane_schema text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  execute format($ddl$
    grant usage on schema %1$I to orders_reader;
    grant select on %1$I.orders, %1$I.order_deletions to orders_reader;
  $ddl$, lane_schema);
end
$$;

-- Every lane from now on has readers: what made one until now is a part of it.
alter function driftlab.create_lane(text) rename to create_lane_without_readers;
create function driftlab.create_lane(lane_schema text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform driftlab.create_lane_without_readers(lane_schema);
  perform driftlab.let_readers_read(lane_schema);
end
$$;

revoke all on all functions in schema driftlab from public;

select driftlab.let_readers_read('cdc');
select driftlab.let_readers_read('dual_write');
