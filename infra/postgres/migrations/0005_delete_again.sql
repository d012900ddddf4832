-- Says to the log once more that orders are deleted. An order that was deleted while nobody could read the log (the slot
-- was lost) is in no snapshot either, so the derived stores would keep it for ever: docs/recovery.md.
--
-- One transaction inserts the order and deletes it again: nobody sees it, but the log has both, and what follows the log
-- ends with the delete. An order that exists is left alone.
create function driftlab.delete_again(lane_schema text, ids uuid[]) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  made uuid[];
begin
  execute format(
    $sql$
      with made as (
        insert into %1$I.orders (id, customer_id, customer_name, items, total_cents, currency, revision)
        select lost.id, 'deleted', 'deleted',
          '[{"sku": "deleted", "description": "", "quantity": 1, "unitPriceCents": 0}]', 0, 'XXX',
          coalesce(deletion.revision, 1)
        from unnest($1) as lost (id) left join %1$I.order_deletions deletion using (id)
        on conflict (id) do nothing
        returning id
      )
      select array_agg(id) from made
    $sql$,
    lane_schema
  ) into made using ids;
  execute format('delete from %I.orders where id = any($1)', lane_schema) using made;
  return coalesce(cardinality(made), 0);
end
$$;

revoke all on function driftlab.delete_again(text, uuid[]) from public;
