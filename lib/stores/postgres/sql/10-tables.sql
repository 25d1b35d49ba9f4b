-- Format 1 of the lock tables. All times are microseconds since 1970 of clock_timestamp(): now() is the start of the transaction.
-- Names are compared byte by byte (COLLATE "C"): no collation may make one lock of two names.
-- @schema@ the schema · @unlogged@ UNLOGGED, or nothing · @class@ a number of the schema, for advisory locks and channels
CREATE SCHEMA IF NOT EXISTS @schema@;

-- One row for each name that is held, was held a moment ago (its trace), or is waited for.
-- lineage: changes when a lease ran out or was ended by force; while it stays, an older hold ended by its owner's own hand.
-- queued: somebody may be queued. until_us: the end of the lease; of a free row, of its trace.
-- No index on times and room in each page: so that a change of a row touches no index (HOT).
CREATE @unlogged@ TABLE IF NOT EXISTS @schema@.hold (
  name text COLLATE "C" PRIMARY KEY,
  fence bigint NOT NULL,
  lineage bigint NOT NULL,
  owner text COLLATE "C",
  until_us bigint NOT NULL,
  granted_us bigint NOT NULL,
  queued boolean NOT NULL,
  label text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- Who waits. It is only touched by who has locked the row of the name in `hold`, which therefore stays as long as somebody waits.
-- process 0: nothing can be pushed to it; it asks a few times a second, and seen_us tells when it last did.
CREATE @unlogged@ TABLE IF NOT EXISTS @schema@.queue (
  name text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  ticket bigint NOT NULL,
  lease_ms bigint NOT NULL,
  process int NOT NULL,
  seen_us bigint NOT NULL,
  label text NOT NULL,
  PRIMARY KEY (name, owner)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS queue_order ON @schema@.queue (name, ticket, owner);

-- One row, as long as nothing was lost. A crash or a fail-over empties UNLOGGED tables: then it is missing, and whoever sees that closes
-- all names until the longest lease that was ever granted has run out.
CREATE @unlogged@ TABLE IF NOT EXISTS @schema@.epoch (
  one boolean PRIMARY KEY CHECK (one),
  begun_us bigint NOT NULL,
  closed_until_us bigint NOT NULL
);

-- One row, always logged: a crash must not forget how long leases are.
CREATE TABLE IF NOT EXISTS @schema@.setting (
  one boolean PRIMARY KEY CHECK (one),
  format int NOT NULL,
  longest_lease_ms bigint NOT NULL
);
INSERT INTO @schema@.setting (one, format, longest_lease_ms) VALUES (true, 1, 30000) ON CONFLICT DO NOTHING;

-- Numbers of processes, for their channels and for the advisory lock that says that somebody listens.
CREATE SEQUENCE IF NOT EXISTS @schema@.process_no AS int CYCLE;

-- Empty tables of a new schema have lost nothing.
INSERT INTO @schema@.epoch (one, begun_us, closed_until_us) SELECT true, 0, 0
  WHERE to_regprocedure('@schema@.hello_v1()') IS NULL ON CONFLICT DO NOTHING;
