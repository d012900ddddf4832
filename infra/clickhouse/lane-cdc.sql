-- The warehouse of a lane that is fed by change data capture. ${database} is the lane's database.

CREATE DATABASE IF NOT EXISTS ${database};

-- Every change of every order: how did this order get here? The loader writes here and nowhere else. The row's columns
-- are those after the change, for a delete those before it. Redelivered changes have the same version and fall
-- together. (`id` is text because a UUID column sorts by the second half: the orders of one hour would lie everywhere.)
CREATE TABLE IF NOT EXISTS ${database}.order_changes
(
    id String,
    version UInt64,
    operation LowCardinality(String),
    customer_id String,
    customer_name String,
    items Array(Tuple(sku String, description String, quantity UInt32, unit_price_cents Int64)),
    status LowCardinality(String),
    note String,
    total_cents Int64,
    currency LowCardinality(String),
    created_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    revision UInt64,
    committed_at DateTime64(6, 'UTC'),
    lsn Nullable(UInt64),
    transaction_id Nullable(UInt64),
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3),
    CONSTRAINT known_operation CHECK operation IN ('insert', 'update', 'delete', 'snapshot')
)
ENGINE = ReplacingMergeTree
ORDER BY (id, version);

-- One row a version of an order; merges and FINAL keep the highest version of each id, whatever order they came in.
-- A delete is a row with `deleted` 1. It stays until OPTIMIZE … FINAL CLEANUP, so that a late old version cannot
-- bring the order back.
CREATE TABLE IF NOT EXISTS ${database}.orders_by_version
(
    id String,
    customer_id String,
    customer_name String,
    items Array(Tuple(sku String, description String, quantity UInt32, unit_price_cents Int64)),
    status LowCardinality(String),
    note String,
    total_cents Int64,
    currency LowCardinality(String),
    created_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    revision UInt64,
    version UInt64,
    deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(version, deleted)
ORDER BY id;

-- State is the integral of the stream, taken where the rows already are: an insert into order_changes is acknowledged
-- when its rows are here too, and one that broke off between the two is repeated by the loader, which changes nothing.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.orders_from_changes TO ${database}.orders_by_version AS
SELECT id, customer_id, customer_name, items, status, note, total_cents, currency, created_at, updated_at, revision, version,
    operation = 'delete' AS deleted
FROM ${database}.order_changes;

CREATE VIEW IF NOT EXISTS ${database}.orders AS
SELECT id, customer_id, customer_name, items, status, note, total_cents, currency, created_at, updated_at, revision, version
FROM ${database}.orders_by_version FINAL
WHERE deleted = 0;
