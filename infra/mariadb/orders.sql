-- The orders of the binlog lane, as infra/postgres/migrations/0001_lanes.sql has them for the others: the same columns
-- and the same promises, in MariaDB's words. Running it again changes nothing.

create database if not exists `binlog`;

create table if not exists `binlog`.orders (
  id            char(36) character set ascii not null primary key
                check (id regexp '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'),
  customer_id   varchar(64)  not null check (char_length(customer_id) >= 1),
  customer_name varchar(200) not null check (char_length(customer_name) >= 1),
  -- MariaDB's JSON is text that is checked when it is written; the log and every reader see that text.
  items         json         not null check (json_type(items) = 'ARRAY' and json_length(items) between 1 and 100),
  status        enum ('placed', 'paid', 'shipped', 'delivered', 'cancelled') not null default 'placed',
  note          mediumtext   not null default '' check (char_length(note) <= 50000),
  total_cents   bigint       not null check (total_cents between 0 and 9007199254740991),
  currency      char(3)      not null check (currency regexp '^[A-Z]{3}$'),
  -- An instant in UTC. TIMESTAMP would say so by its type, but ends in 2038.
  created_at    datetime(3)  not null default utc_timestamp(3),
  updated_at    datetime(3)  not null default utc_timestamp(3),
  revision      bigint       not null default 1 check (revision between 1 and 9007199254740991),
  check (updated_at >= created_at)
);

-- The numbers that people reason with are the database's, whatever the statement says. A row-based log carries the row
-- as the trigger left it.
create or replace trigger `binlog`.raise_revision before update on `binlog`.orders
  for each row set
    new.revision = old.revision + 1,
    new.created_at = old.created_at,
    new.updated_at = greatest(utc_timestamp(3), old.updated_at);
