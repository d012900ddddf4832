-- The second participant of two-phase commit: the documents of a lane's orders, in a database of their own.
-- Group roles belong to the whole server; the migrations made them.
revoke all on schema public from public;
grant usage on schema public to orders_writer, orders_auditor;

create table order_documents (
  id       uuid   primary key,
  document jsonb  not null,
  revision bigint not null
);

grant select, insert, update, delete on order_documents to orders_writer;
grant select on order_documents to orders_auditor;
