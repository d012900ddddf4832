-- The warehouse of a lane whose service writes every store itself. ${database} is the lane's database.

CREATE DATABASE IF NOT EXISTS ${database};

-- The last write to arrive wins, as in the other stores of such a lane: nothing here knows which write is newer.
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
    written_at DateTime64(9, 'UTC') DEFAULT now64(9),
    deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(written_at, deleted)
ORDER BY id;

CREATE VIEW IF NOT EXISTS ${database}.orders AS
SELECT id, customer_id, customer_name, items, status, note, total_cents, currency, created_at, updated_at, revision, written_at
FROM ${database}.orders_by_version FINAL
WHERE deleted = 0;
