-- Change data capture by triggers: every change of a row is written once more, into a table of changes, by the
-- transaction that makes it. A relay publishes that table (services/relay).

-- Adds a change table to the lane `lane_schema`, and the trigger that writes it.
--
-- As its advocates would have it: the whole row as JSON, so that an added column is captured without a change here; one
-- static statement, whose plan is kept; ALWAYS, so that session_replication_role does not silence it.
create function driftlab.add_change_table(lane_schema text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $add_change_table$
begin
  execute format($ddl$
    create table %1$I.order_changes (
      -- Given while the order's row is locked, so for one order it rises in the order of its changes.
      seq         bigint      generated always as identity primary key,
      xid         xid8        not null default pg_current_xact_id(),
      operation   text        not null check (operation in ('insert', 'update', 'delete')),
      recorded_at timestamptz not null default clock_timestamp(),
      before      jsonb,
      after       jsonb
    );
    create index on %1$I.order_changes (xid, seq);

    -- With its owner's rights: those who may change an order may not write this table by themselves.
    create function %1$I.record_change() returns trigger
      language plpgsql
      security definer
      set search_path = pg_catalog, pg_temp
    as $record_change$
    begin
      insert into %1$I.order_changes (operation, before, after)
      values (
        lower(tg_op),
        case when tg_op <> 'INSERT' then to_jsonb(old) end,
        case when tg_op <> 'DELETE' then to_jsonb(new) end
      );
      return null;
    end
    $record_change$;
    revoke all on function %1$I.record_change() from public;

    create trigger record_change after insert or update or delete on %1$I.orders
      for each row execute function %1$I.record_change();
    alter table %1$I.orders enable always trigger record_change;
  $ddl$, lane_schema);
  perform driftlab.let_relay_publish(lane_schema, 'order_changes');
end
$add_change_table$;

revoke all on all functions in schema driftlab from public;
