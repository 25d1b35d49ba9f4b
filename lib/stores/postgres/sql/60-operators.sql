-- Ends whoever holds the name, tells the holder's process, and passes the name on under a new lineage: with the old one the victim's own release
-- would read as clean. Executed twice it ends the next holder too; nobody repeats it after an unknown outcome.
-- a_only: a fencing token, only the hold that issued it; or null.
-- Returns {"fence", "label"} of the victim; null: nobody held it; "pinned": a transaction relies on it.
CREATE OR REPLACE FUNCTION @schema@.force_v1(a_name text, a_keep bigint, a_reason text, a_only bigint) RETURNS text
LANGUAGE plpgsql @definer@ AS $$
DECLARE
  held @schema@.hold%ROWTYPE;
  now_us bigint;
  above bigint;
  granted record;
BEGIN
  @only_read_committed@
  SELECT * INTO held FROM @schema@.hold WHERE name = a_name FOR NO KEY UPDATE;
  now_us := @now@;
  IF held.owner IS NULL OR held.until_us <= now_us THEN RETURN NULL; END IF;
  -- Tokens that the holder counted on for local leases are above its fence, and not above the server's time.
  IF a_only < held.fence OR a_only > greatest(now_us, held.fence) THEN RETURN NULL; END IF;
  IF @schema@.pinned_v1(a_name) THEN RETURN '"pinned"'; END IF;
  PERFORM pg_catalog.pg_notify('@channel@forced', concat_ws(' ', 'L', held.owner, a_reason));
  above := @schema@.above_v1(held.fence, now_us);
  SELECT * INTO granted FROM @schema@.promote_v1(a_name, above, above, now_us, NULL);
  IF granted.winner IS NULL THEN
    UPDATE @schema@.hold SET fence = above, lineage = above, owner = NULL, until_us = now_us + a_keep * 1000, queued = false
      WHERE name = a_name;
  END IF;
  RETURN json_build_object('fence', held.fence::text, 'label', held.label);
END $$;

-- Who holds the name, since when, and how many wait. Reads only.
CREATE OR REPLACE FUNCTION @schema@.inspect_v1(a_name text) RETURNS text LANGUAGE plpgsql STABLE @definer@ AS $$
DECLARE
  held @schema@.hold%ROWTYPE;
  waiting bigint;
  now_us bigint := @now@;
BEGIN
  SELECT * INTO held FROM @schema@.hold WHERE name = a_name;
  SELECT count(*) INTO waiting FROM @schema@.queue WHERE name = a_name;
  IF held.owner IS NULL OR held.until_us <= now_us THEN RETURN json_build_object('waiting', waiting); END IF;
  RETURN json_build_object('waiting', waiting, 'fence', held.fence::text, 'granted_us', held.granted_us::text,
    'left_ms', (held.until_us - now_us) / 1000.0, 'label', held.label);
END $$;

-- Forgets these names, unless they are held, remembered or waited for.
CREATE OR REPLACE FUNCTION @schema@.forget_v1(a_names text[]) RETURNS text LANGUAGE plpgsql @definer@ AS $$
DECLARE
  stale text[];
BEGIN
  @only_read_committed@
  SELECT array_agg(old.name) INTO stale FROM (
    SELECT h.name FROM @schema@.hold AS h WHERE h.name = ANY (a_names) AND h.until_us < @now@ ORDER BY h.name FOR UPDATE SKIP LOCKED) AS old;
  -- A statement of its own: it sees who has joined a queue until the row was locked.
  DELETE FROM @schema@.hold AS h WHERE h.name = ANY (stale) AND h.until_us < @now@
    AND NOT EXISTS (SELECT FROM @schema@.queue AS q WHERE q.name = h.name);
  RETURN '';
END $$;

-- The same for what processes left behind that ended without a word: at most a_most names. Of who waits nobody has heard for a minute and a
-- half: one that lives asks every few seconds. Returns how many names were forgotten.
CREATE OR REPLACE FUNCTION @schema@.sweep_v1(a_most int) RETURNS text LANGUAGE plpgsql @definer@ AS $$
DECLARE
  stale text[];
BEGIN
  @only_read_committed@
  SELECT array_agg(old.name) INTO stale FROM (
    SELECT h.name FROM @schema@.hold AS h WHERE h.until_us < @now@
      AND NOT EXISTS (SELECT FROM @schema@.queue AS q WHERE q.name = h.name AND q.seen_us > @now@ - 90000000)
      ORDER BY h.name LIMIT a_most FOR UPDATE SKIP LOCKED) AS old;
  IF stale IS NULL THEN RETURN '0'; END IF;
  DELETE FROM @schema@.queue AS q WHERE q.name = ANY (stale) AND q.seen_us < @now@ - 90000000;
  DELETE FROM @schema@.hold AS h WHERE h.name = ANY (stale) AND NOT EXISTS (SELECT FROM @schema@.queue AS q WHERE q.name = h.name);
  RETURN cardinality(stale);
END $$;
