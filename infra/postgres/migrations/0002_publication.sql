-- What Debezium may read: the orders of the cdc lane and nothing else. The publication is made here, so the replication
-- user needs no right to make one.

create publication driftlab_cdc for table cdc.orders;

grant usage on schema cdc to orders_replicator;
grant select on cdc.orders to orders_replicator;
