-- What a process asks when it starts. Reads only, so that a standby answers too.
CREATE OR REPLACE FUNCTION @schema@.hello_v1() RETURNS text LANGUAGE sql STABLE @definer@ AS $$
  SELECT json_build_object(
    'format', format, 'longest_lease_ms', longest_lease_ms, 'class', @class@, 'channel', '@channel@',
    'version', current_setting('server_version_num')::int, 'isolation', current_setting('transaction_isolation'),
    'is_standby', pg_is_in_recovery())::text
  FROM @schema@.setting
$$;

-- A number for a process that begins to listen.
CREATE OR REPLACE FUNCTION @schema@.enter_v1() RETURNS text LANGUAGE sql @definer@ AS
  $$ SELECT nextval('@schema@.process_no')::text $$;

-- Before the first lease that is so long: the barrier after a loss must outlast it. Committed to disk, whatever the server's default.
CREATE OR REPLACE FUNCTION @schema@.raise_v1(a_lease bigint) RETURNS text LANGUAGE sql @definer@ SET synchronous_commit = 'on' AS $$
  UPDATE @schema@.setting SET longest_lease_ms = a_lease WHERE longest_lease_ms < a_lease;
  SELECT longest_lease_ms::text FROM @schema@.setting;
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA @schema@ FROM PUBLIC;
