-- Ends holds, or takes waiters out of the queue, whichever each token is; and passes the names on.
-- Executed twice it answers 1, then 2: the lineage tells that the first one did its work.
-- a_useds: the last fencing token used under the hold · a_lineages: 0 when no grant was seen · a_keep: how long the trace stays, in ms
-- Answers: 1 released · 2 had ended cleanly before · 3 nothing held, and not queued any more · -1 refused: not ours · -5 pinned, ask again
CREATE OR REPLACE FUNCTION @schema@.release_other_v1(a_name text, a_owner text, a_used bigint, a_lineage bigint, a_keep bigint)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  held @schema@.hold%ROWTYPE;
  now_us bigint;
  used bigint;
  granted record;
BEGIN
  SELECT * INTO held FROM @schema@.hold WHERE name = a_name FOR NO KEY UPDATE;
  -- Always: a poll that crossed the notice may have queued a token that is already the owner.
  DELETE FROM @schema@.queue WHERE name = a_name AND owner = a_owner;
  now_us := @now@;
  IF held.owner = a_owner AND held.until_us > now_us THEN
    IF @schema@.pinned_v1(a_name) THEN RETURN -5; END IF;
    used := greatest(held.fence, a_used);
    IF held.queued THEN
      SELECT * INTO granted FROM @schema@.promote_v1(a_name, greatest(used + 1, now_us), held.lineage, now_us, NULL);
      IF granted.winner IS NOT NULL THEN RETURN 1; END IF;
    END IF;
    UPDATE @schema@.hold SET fence = used, owner = NULL, until_us = now_us + a_keep * 1000, queued = false WHERE name = a_name;
    RETURN 1;
  END IF;
  IF a_lineage = 0 THEN RETURN 3; END IF;
  -- Ours, but its lease ran out: not a clean end, although nobody took the name since.
  IF held.lineage = a_lineage AND held.fence >= a_used AND held.owner IS DISTINCT FROM a_owner THEN RETURN 2; END IF;
  RETURN -1;
END $$;

CREATE OR REPLACE FUNCTION @schema@.release_v1(a_names text[], a_owners text[], a_useds bigint[], a_lineages bigint[], a_keep bigint)
RETURNS text LANGUAGE plpgsql @definer@ AS $$
DECLARE
  answers text[] := array_fill('1'::text, ARRAY[cardinality(a_names)]);
  i int;
  now_us bigint;
BEGIN
  @only_read_committed@
  FOREACH i IN ARRAY @schema@.in_order_v1(a_names) LOOP
    -- The usual case: ours, nobody is queued, and no transaction relies on it (an UPDATE alone would not mind).
    PERFORM FROM @schema@.hold WHERE name = a_names[i] AND owner = a_owners[i] AND NOT queued FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      now_us := @now@;
      UPDATE @schema@.hold SET fence = greatest(fence, a_useds[i]), owner = NULL, until_us = now_us + a_keep * 1000
        WHERE name = a_names[i] AND until_us > now_us;
      CONTINUE WHEN FOUND;
    END IF;
    answers[i] := @schema@.release_other_v1(a_names[i], a_owners[i], a_useds[i], a_lineages[i], a_keep);
  END LOOP;
  RETURN array_to_string(answers, E'\n');
END $$;

-- The end of a cohort slice: gives the name to the next process and queues the caller again under a new token, or keeps it when nobody else
-- waits. Once the hold has a newer fence than the caller knew, an earlier copy of this same call has kept it: so a copy that arrives late can
-- never give away what its caller uses again.
-- Answers:  1 fence lineage ms  kept · 2 ms ticket us heard  yielded, and queued again · 3 had been yielded before · -1 refused: not ours
--           -5 pinned, ask again
CREATE OR REPLACE FUNCTION @schema@.yield_one_v1(
  a_name text, a_owner text, a_known bigint, a_lineage bigint, a_used bigint, a_next text, a_lease bigint, a_label text, a_process int
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  held @schema@.hold%ROWTYPE;
  now_us bigint;
  left_us bigint;
  above bigint;
  place bigint;
  granted record;
BEGIN
  SELECT * INTO held FROM @schema@.hold WHERE name = a_name FOR NO KEY UPDATE;
  now_us := @now@;
  IF held.owner IS DISTINCT FROM a_owner THEN
    RETURN CASE WHEN held.lineage = a_lineage AND held.fence >= a_used THEN '3' ELSE '-1' END;
  END IF;
  left_us := held.until_us - now_us;
  IF left_us <= 0 THEN RETURN '-1'; END IF;
  IF held.fence <> a_known THEN RETURN concat_ws(' ', 1, held.fence, held.lineage, left_us / 1000); END IF;
  left_us := greatest(left_us, a_lease * 1000);
  above := greatest(a_used + 1, now_us);
  IF held.queued THEN
    IF @schema@.pinned_v1(a_name) THEN RETURN '-5'; END IF;
    SELECT * INTO granted FROM @schema@.promote_v1(a_name, above, held.lineage, now_us, NULL);
    IF granted.winner IS NOT NULL THEN
      place := @schema@.join_v1(a_name, a_next, 0, a_lease, NULL, a_process, a_label, now_us);
      UPDATE @schema@.hold SET queued = true WHERE name = a_name;
      RETURN concat_ws(' ', 2, granted.lease, place, now_us, @schema@.heard_v1(a_process));
    END IF;
  END IF;
  UPDATE @schema@.hold SET fence = above, until_us = now_us + left_us, queued = false, label = a_label WHERE name = a_name;
  RETURN concat_ws(' ', 1, above, held.lineage, left_us / 1000);
END $$;

CREATE OR REPLACE FUNCTION @schema@.yield_v1(
  a_names text[], a_owners text[], a_knowns bigint[], a_lineages bigint[], a_useds bigint[], a_nexts text[], a_leases bigint[],
  a_labels text[], a_process int
) RETURNS text LANGUAGE plpgsql @definer@ AS $$
DECLARE
  answers text[] := array_fill(''::text, ARRAY[cardinality(a_names)]);
  i int;
BEGIN
  @only_read_committed@
  FOREACH i IN ARRAY @schema@.in_order_v1(a_names) LOOP
    answers[i] := @schema@.yield_one_v1(a_names[i], a_owners[i], a_knowns[i], a_lineages[i], a_useds[i], a_nexts[i], a_leases[i],
      a_labels[i], a_process);
  END LOOP;
  RETURN array_to_string(answers, E'\n');
END $$;
