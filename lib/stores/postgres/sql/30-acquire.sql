-- Takes each name if it is free or already ours; else joins its queue, or says for how long it is busy. One call carries the requests that one
-- process makes at the same time, and each is answered as if it had come alone.
-- Executed twice it answers the same: the owner token finds its own hold, and its own place in the queue.
-- Names are taken in the order of their bytes, so that two calls never wait for each other.
-- Answers, a line each, in the order of the requests:
--   1 fence lineage ms         granted; milliseconds the lease still runs
--   0 ms                       busy; milliseconds the holder's lease still runs
--   2 ms ticket us heard       queued; the same, ticket, server time in microseconds, 1 when somebody listens for this process
--   4 ms                       not queued: too many are

-- What is not the usual case. Null: the row has gone or become free meanwhile, look again.
CREATE OR REPLACE FUNCTION @schema@.acquire_other_v1(
  a_name text, a_owner text, a_lease bigint, a_wait boolean, a_ticket bigint, a_most bigint, a_label text, a_process int
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  held @schema@.hold%ROWTYPE;
  now_us bigint;
  left_us bigint;
  place bigint;
  above bigint;
  descent bigint;
  granted record;
BEGIN
  SELECT * INTO held FROM @schema@.hold WHERE name = a_name FOR NO KEY UPDATE;
  IF NOT FOUND OR (held.owner IS NULL AND NOT held.queued) THEN RETURN NULL; END IF;
  now_us := @now@; -- after the lock: it may have been waited for
  IF held.owner IS NOT NULL AND held.until_us > now_us THEN
    left_us := held.until_us - now_us;
    IF held.owner = a_owner THEN RETURN concat_ws(' ', 1, held.fence, held.lineage, left_us / 1000); END IF;
  ELSIF held.owner IS NULL THEN
    left_us := @schema@.closed_us_v1(now_us); -- somebody waits, and nobody has it: it was asked for while all names were closed
    IF left_us <= 0 THEN left_us := NULL; END IF;
  ELSIF @schema@.pinned_v1(a_name) THEN
    left_us := 100000;
  END IF;
  IF left_us IS NOT NULL THEN
    IF NOT a_wait THEN RETURN '0 ' || @schema@.ms_v1(left_us); END IF;
    place := @schema@.join_v1(a_name, a_owner, a_ticket, a_lease, a_most, a_process, a_label, now_us);
    IF place IS NULL THEN RETURN '4 ' || @schema@.ms_v1(left_us); END IF;
    IF NOT held.queued THEN UPDATE @schema@.hold SET queued = true WHERE name = a_name; END IF;
    RETURN concat_ws(' ', 2, @schema@.ms_v1(left_us), place, now_us, @schema@.heard_v1(a_process));
  END IF;
  -- The holder's lease ran out. Those who are queued are first.
  above := @schema@.above_v1(held.fence, now_us);
  descent := CASE WHEN held.owner IS NULL THEN held.lineage ELSE above END;
  IF a_wait THEN
    place := @schema@.join_v1(a_name, a_owner, a_ticket, a_lease, a_most, a_process, a_label, now_us);
  END IF;
  SELECT * INTO granted FROM @schema@.promote_v1(a_name, above, descent, now_us, a_owner);
  IF granted.winner IS NULL THEN
    UPDATE @schema@.hold SET fence = above, lineage = descent, owner = a_owner,
      until_us = now_us + a_lease * 1000, granted_us = now_us, queued = false, label = a_label WHERE name = a_name;
    RETURN concat_ws(' ', 1, above, descent, a_lease);
  END IF;
  IF granted.winner = a_owner THEN RETURN concat_ws(' ', 1, above, descent, granted.lease); END IF;
  IF place IS NOT NULL THEN RETURN concat_ws(' ', 2, granted.lease, place, now_us, @schema@.heard_v1(a_process)); END IF;
  RETURN concat_ws(' ', CASE WHEN a_wait THEN 4 ELSE 0 END, granted.lease);
END $$;
CREATE OR REPLACE FUNCTION @schema@.acquire_v1(
  a_names text[], a_owners text[], a_leases bigint[], a_waits boolean[], a_tickets bigint[], a_mosts bigint[], a_labels text[], a_process int
) RETURNS text LANGUAGE plpgsql @definer@ AS $$
DECLARE
  answers text[] := array_fill(''::text, ARRAY[cardinality(a_names)]);
  answer text;
  i int;
  now_us bigint;
  closed_us bigint;
  granted record;
BEGIN
  @only_read_committed@
  FOREACH i IN ARRAY @schema@.in_order_v1(a_names) LOOP
    answer := NULL;
    WHILE answer IS NULL LOOP
      now_us := @now@;
      -- The usual case: free, and nobody is queued.
      INSERT INTO @schema@.hold AS h (name, fence, lineage, owner, until_us, granted_us, queued, label)
        VALUES (a_names[i], now_us, now_us, a_owners[i], now_us + a_leases[i] * 1000, now_us, false, a_labels[i])
        ON CONFLICT (name) DO UPDATE SET fence = greatest(h.fence + 1, EXCLUDED.fence), owner = EXCLUDED.owner,
          until_us = EXCLUDED.until_us, granted_us = EXCLUDED.granted_us, label = EXCLUDED.label
          WHERE h.owner IS NULL AND NOT h.queued
        RETURNING h.fence, h.lineage, h.xmax = 0 AS is_new INTO granted;
      IF NOT FOUND THEN
        answer := @schema@.acquire_other_v1(a_names[i], a_owners[i], a_leases[i], a_waits[i], a_tickets[i], a_mosts[i],
          a_labels[i], a_process);
        CONTINUE;
      END IF;
      IF granted.is_new THEN
        closed_us := @schema@.closed_us_v1(now_us);
        IF closed_us > 0 THEN
          -- Nobody knows who had it before everything was lost: it stays free and closed, with a place for who waits.
          UPDATE @schema@.hold SET owner = NULL, queued = true WHERE name = a_names[i];
          CONTINUE;
        END IF;
        IF @now@ - now_us > 100000 THEN
          -- The old row was locked while it was deleted: above what it knew.
          UPDATE @schema@.hold AS h SET fence = @now@, lineage = @now@ WHERE h.name = a_names[i]
            RETURNING h.fence, h.lineage, true INTO granted;
        END IF;
      END IF;
      answer := concat_ws(' ', 1, granted.fence, granted.lineage, a_leases[i]);
    END LOOP;
    answers[i] := answer;
  END LOOP;
  RETURN array_to_string(answers, E'\n');
END $$;
