-- Who follows a lane asks again and again what changed last: the auditor does, a second at a time. Without an index each
-- question would read the whole table.

create function driftlab.index_recent_changes(lane_schema text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $index_recent_changes$
begin
  execute format($ddl$
    create index orders_recent_changes on %1$I.orders (updated_at, id);
    create index order_deletions_recent_changes on %1$I.order_deletions (deleted_at, id);
  $ddl$, lane_schema);
end
$index_recent_changes$;

select driftlab.index_recent_changes('cdc');
select driftlab.index_recent_changes('dual_write');

-- Lanes that are made from now on have them as well.
alter function driftlab.create_lane(text) rename to create_lane_tables;

create function driftlab.create_lane(lane_schema text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $create_lane$
begin
  perform driftlab.create_lane_tables(lane_schema);
  perform driftlab.index_recent_changes(lane_schema);
end
$create_lane$;

revoke all on all functions in schema driftlab from public;
