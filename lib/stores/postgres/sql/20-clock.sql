-- What the operations share. Nobody but they may call these.

-- Microseconds that all names are still closed; zero or less when they are open.
CREATE OR REPLACE FUNCTION @schema@.closed_us_v1(a_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  until_us bigint;
BEGIN
  SELECT closed_until_us INTO until_us FROM @schema@.epoch;
  IF NOT FOUND THEN
    -- Clocks run at the same speed within 1 %.
    INSERT INTO @schema@.epoch (one, begun_us, closed_until_us)
      SELECT true, a_now, a_now + longest_lease_ms * 1010 FROM @schema@.setting ON CONFLICT DO NOTHING;
    SELECT closed_until_us INTO until_us FROM @schema@.epoch;
  END IF;
  RETURN until_us - a_now;
END $$;

-- Milliseconds for who must come again: never too early, never zero.
CREATE OR REPLACE FUNCTION @schema@.ms_v1(us bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT greatest(1, (us + 999) / 1000)::text $$;

-- The places of these names in the order of their bytes, in which every call takes them: so that two calls never wait for each other.
CREATE OR REPLACE FUNCTION @schema@.in_order_v1(a_names text[]) RETURNS int[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF cardinality(a_names) = 1 THEN RETURN '{1}'; END IF; -- the usual case of who is alone
  RETURN (SELECT array_agg(u.pos ORDER BY u.name COLLATE "C", u.pos) FROM unnest(a_names) WITH ORDINALITY AS u(name, pos));
END $$;

-- Joins a queue, or finds the place that this owner token already has. The row of the name is locked.
-- a_ticket 0: a new one. a_most: how many may be queued, null for any number; full is for newcomers only.
-- Returns the ticket; null when the queue is full.
CREATE OR REPLACE FUNCTION @schema@.join_v1(
  a_name text, a_owner text, a_ticket bigint, a_lease bigint, a_most bigint, a_process int, a_label text, a_now bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  place bigint;
BEGIN
  UPDATE @schema@.queue SET process = a_process, seen_us = a_now WHERE name = a_name AND owner = a_owner
    RETURNING ticket INTO place;
  IF FOUND THEN RETURN place; END IF;
  place := a_ticket;
  IF place = 0 THEN
    IF (SELECT count(*) FROM (SELECT FROM @schema@.queue WHERE name = a_name LIMIT a_most) AS queued) >= a_most THEN
      RETURN NULL;
    END IF;
    place := a_now;
  END IF;
  INSERT INTO @schema@.queue (name, owner, ticket, lease_ms, process, seen_us, label)
    VALUES (a_name, a_owner, place, a_lease, a_process, a_now, a_label);
  RETURN place;
END $$;

-- Does nobody listen under this number? Who listens has its advisory lock, and a session that is gone has none.
CREATE OR REPLACE FUNCTION @schema@.gone_v1(a_process int) RETURNS boolean LANGUAGE sql AS
  $$ SELECT pg_catalog.pg_try_advisory_xact_lock_shared(@class@, a_process) $$;

-- 1 when somebody listens for this process.
CREATE OR REPLACE FUNCTION @schema@.heard_v1(a_process int) RETURNS int LANGUAGE sql AS
  $$ SELECT CASE WHEN a_process = 0 OR @schema@.gone_v1(a_process) THEN 0 ELSE 1 END $$;

-- Grants a name that has just become free to the first waiter that lives. No herd: one waiter is written as the owner and told so with its
-- fencing token, in this same transaction; the notice goes out when it commits. The row of the name is locked.
-- a_self: a token that needs no notice, or null. Returns the token that was granted, null when nobody waits, and its lease.
-- A grant that is pushed starts with 5 s: if the notice is lost or the waiter is frozen, it costs so long and no full lease; the first
-- renewal makes it longer. One that is kept for a poll has a second.
CREATE OR REPLACE FUNCTION @schema@.promote_v1(
  a_name text, a_fence bigint, a_lineage bigint, a_now bigint, a_self text, OUT winner text, OUT lease bigint
) LANGUAGE plpgsql AS $$
DECLARE
  waiter @schema@.queue%ROWTYPE;
BEGIN
  LOOP
    DELETE FROM @schema@.queue WHERE name = a_name AND owner =
      (SELECT owner FROM @schema@.queue WHERE name = a_name ORDER BY ticket, owner LIMIT 1) RETURNING * INTO waiter;
    IF NOT FOUND THEN RETURN; END IF;
    IF waiter.owner IS NOT DISTINCT FROM a_self THEN
      lease := waiter.lease_ms;
    ELSIF waiter.process = 0 THEN
      CONTINUE WHEN waiter.seen_us < a_now - 3000000; -- it would have asked several times since
      lease := least(waiter.lease_ms, 1000);
    ELSE
      CONTINUE WHEN @schema@.gone_v1(waiter.process);
      lease := least(waiter.lease_ms, 5000);
      PERFORM pg_catalog.pg_notify('@channel@' || waiter.process,
        concat_ws(' ', 'G', waiter.owner, a_fence, a_lineage, a_now, lease, a_name));
    END IF;
    winner := waiter.owner;
    UPDATE @schema@.hold SET fence = a_fence, lineage = a_lineage, owner = winner, until_us = a_now + lease * 1000,
      granted_us = a_now, queued = EXISTS (SELECT FROM @schema@.queue WHERE name = a_name), label = waiter.label
      WHERE name = a_name;
    RETURN;
  END LOOP;
END $$;

-- Is a transaction of the application relying on the present holder? It has locked the row FOR KEY SHARE, which renewals and waiters do not
-- mind, but the name must not change hands before it ends. The row is locked by us already, so nobody else can be in the way.
CREATE OR REPLACE FUNCTION @schema@.pinned_v1(a_name text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM @schema@.hold WHERE name = a_name FOR UPDATE SKIP LOCKED;
  RETURN NOT FOUND;
END $$;

-- The token above all that were used under a hold that is not given back by its owner. Local leases count on from it, never faster than one a
-- microsecond: so the clock is above them, unless it was set back, and then no more than a second's worth can be unwritten.
CREATE OR REPLACE FUNCTION @schema@.above_v1(a_fence bigint, a_now bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
  $$ SELECT CASE WHEN a_now > a_fence THEN a_now ELSE a_fence + 1 + 1000000 END $$;
