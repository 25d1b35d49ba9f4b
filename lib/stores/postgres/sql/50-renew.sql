-- Makes many holds last longer. Never shortens a lease. Rows are locked in the order of their names, or two calls would wait for each other;
-- not so strongly that a transaction which relies on one of them would be in the way.
-- a_sure: who asks still has its lease by its own clock. Then a hold whose row was lost with everything else, while all names are closed, is
-- written again as it was: nobody was granted since. Of two that claim a name the later grant has it.
-- Answers: 1 ms fence lineage  renewed · -1 lost: not ours
CREATE OR REPLACE FUNCTION @schema@.renew_v1(
  a_names text[], a_owners text[], a_leases bigint[], a_fences bigint[], a_lineages bigint[], a_labels text[], a_sure boolean[]
) RETURNS text LANGUAGE plpgsql @definer@ AS $$
DECLARE
  answers text[] := array_fill('-1'::text, ARRAY[cardinality(a_names)]);
  now_us bigint;
  renewed record;
BEGIN
  @only_read_committed@
  PERFORM FROM @schema@.hold AS h JOIN unnest(a_names, a_owners) AS asked(name, owner) ON h.name = asked.name COLLATE "C" AND h.owner = asked.owner
    ORDER BY h.name FOR NO KEY UPDATE OF h;
  now_us := @now@;
  FOR renewed IN
    UPDATE @schema@.hold AS h SET until_us = greatest(h.until_us, now_us + asked.lease * 1000)
      FROM unnest(a_names, a_owners, a_leases) WITH ORDINALITY AS asked(name, owner, lease, pos)
      WHERE h.name = asked.name COLLATE "C" AND h.owner = asked.owner AND h.until_us > now_us
      RETURNING asked.pos, concat_ws(' ', 1, (h.until_us - now_us) / 1000, h.fence, h.lineage) AS answer
  LOOP
    answers[renewed.pos] := renewed.answer;
  END LOOP;
  IF '-1' = ANY (answers) AND @schema@.closed_us_v1(now_us) > 0 THEN
    FOR renewed IN
      INSERT INTO @schema@.hold AS h (name, fence, lineage, owner, until_us, granted_us, queued, label)
        SELECT a.name, a.fence, a.lineage, a.owner, now_us + a.lease * 1000, now_us, false, a.label
          FROM unnest(a_names, a_owners, a_leases, a_fences, a_lineages, a_labels, a_sure, answers)
            AS a(name, owner, lease, fence, lineage, label, sure, answer)
          WHERE a.answer = '-1' AND a.sure AND a.fence > 0 ORDER BY a.name COLLATE "C"
        ON CONFLICT (name) DO UPDATE SET fence = EXCLUDED.fence, lineage = EXCLUDED.lineage, owner = EXCLUDED.owner,
          until_us = EXCLUDED.until_us, granted_us = EXCLUDED.granted_us, label = EXCLUDED.label
          WHERE (h.owner IS NULL AND h.queued AND h.granted_us > EXCLUDED.fence) OR (h.owner IS NOT NULL AND h.fence < EXCLUDED.fence)
        RETURNING h.owner, concat_ws(' ', 1, (h.until_us - now_us) / 1000, h.fence, h.lineage) AS answer
    LOOP
      answers[array_position(a_owners, renewed.owner)] := renewed.answer;
    END LOOP;
  END IF;
  RETURN array_to_string(answers, E'\n');
END $$;
