-- The scheduler's own tables, and the two seams to the application: event_source (read) and write_back().

CREATE TABLE hivetalk_scheduler.migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How far the catching has come. One row.
CREATE TABLE hivetalk_scheduler.watermark (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    origin    timestamptz NOT NULL,  -- the first run's window began here: older transitions are history
    caught_to timestamptz NOT NULL,  -- the last complete catch was made at this time
    swept_to  timestamptz            -- how far the sweep of what is older than the late look has come
);

-- The destinations that a run has seen. A new one gets no history, like a first installation.
CREATE TABLE hivetalk_scheduler.destination (
    name     text PRIMARY KEY,
    origin   timestamptz NOT NULL,
    failures integer NOT NULL DEFAULT 0,       -- rests in a row
    probe_at timestamptz                       -- it rests until then
);

-- One row for each transition and destination; nothing is announced without one.
CREATE TABLE hivetalk_scheduler.delivery (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     text NOT NULL,
    test         boolean NOT NULL,
    transition   text NOT NULL CHECK (transition IN ('live', 'refresh', 'ended')),
    due_at       timestamptz NOT NULL,
    of_start     timestamptz,                  -- of a refresh: the start that it belongs to
    destination  text NOT NULL,
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN
                 ('pending', 'delivered', 'superseded', 'cancelled', 'expired', 'dead', 'discarded')),
    next_at      timestamptz NOT NULL,         -- claimable from here on; while claimed, the end of the lease
    claimed_by   text,                         -- the run that holds it
    claims       integer NOT NULL DEFAULT 0,   -- with claimed_by, the fence: each claim has its own number
    attempts     integer NOT NULL DEFAULT 0,   -- sends that were answered, or failed
    generation   integer NOT NULL DEFAULT 0,   -- raised where an operator has it announced anew
    forced       boolean NOT NULL DEFAULT false,  -- an operator wants it sent, however late
    fired_at     timestamptz,                  -- the last send began
    completed_at timestamptz,
    shown        boolean NOT NULL DEFAULT true,  -- the application shows the outcome, as far as it should
    answer       text,                         -- the receiver's words, or why there was no send
    caught_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (event_id, test, transition, due_at, destination)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX delivery_pending ON hivetalk_scheduler.delivery (next_at) WHERE state = 'pending';
CREATE INDEX delivery_completed ON hivetalk_scheduler.delivery (completed_at) WHERE state <> 'pending';

CREATE INDEX delivery_unshown ON hivetalk_scheduler.delivery (event_id) WHERE NOT shown;

-- The exact bytes of an announcement, stored before the first send and sent again unchanged; all destinations
-- of one format share them.
CREATE TABLE hivetalk_scheduler.payload (
    event_id   text NOT NULL,
    test       boolean NOT NULL,
    transition text NOT NULL,
    due_at     timestamptz NOT NULL,
    generation integer NOT NULL,
    format     text NOT NULL CHECK (format IN ('json', 'nostr')),
    message_id text NOT NULL,
    created_at bigint NOT NULL,                -- Unix seconds; for nostr the signed created_at
    body       text NOT NULL,
    PRIMARY KEY (event_id, test, transition, due_at, generation, format)
);
CREATE INDEX payload_due ON hivetalk_scheduler.payload (due_at);

CREATE TABLE hivetalk_scheduler.run (
    id           text PRIMARY KEY,
    host         text NOT NULL,
    release      text NOT NULL,
    started_at   timestamptz NOT NULL,
    window_from  timestamptz NOT NULL,
    window_to    timestamptz NOT NULL,
    finished_at  timestamptz,
    clock_offset interval NOT NULL,            -- the host's clock minus the database's
    caught       integer NOT NULL DEFAULT 0,
    delivered    integer NOT NULL DEFAULT 0,
    retried      integer NOT NULL DEFAULT 0,
    failed       integer NOT NULL DEFAULT 0
);
CREATE INDEX run_started ON hivetalk_scheduler.run (started_at);

-- Events of `hivetalk-scheduler test-event`: they take the real path, but the application never sees them.
CREATE TABLE hivetalk_scheduler.test_event (
    event_id  text PRIMARY KEY,
    name      text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL
);
CREATE INDEX test_event_starts ON hivetalk_scheduler.test_event (starts_at);
CREATE INDEX test_event_ends ON hivetalk_scheduler.test_event (ends_at);

-- The application's side. Another application defines its own view (and, if it wants the result written back,
-- its own function) with these columns before it migrates, or replaces these.
DO $migration$
DECLARE
    id_type text;
    start_column text;
    end_column text;
    owner name;
BEGIN
    IF to_regclass('hivetalk_scheduler.event_source') IS NULL THEN
        IF to_regclass('events') IS NULL OR to_regclass('room_info') IS NULL THEN
            RAISE EXCEPTION 'the tables events and room_info are not in this database'
                USING HINT = 'Name the database of the application, or create the view hivetalk_scheduler.event_source first.';
        END IF;
        SELECT format_type(atttypid, atttypmod) INTO id_type
          FROM pg_attribute WHERE attrelid = to_regclass('events') AND attname = 'id';
        -- A timestamp without time zone is read as UTC.
        SELECT max(column_sql) FILTER (WHERE attname = 'start_time'), max(column_sql) FILTER (WHERE attname = 'end_time')
          INTO start_column, end_column
          FROM (SELECT attname, CASE WHEN atttypid = 'timestamptz'::regtype THEN format('e.%I', attname)
                       ELSE format('(e.%I::timestamp AT TIME ZONE ''UTC'')', attname) END AS column_sql
                  FROM pg_attribute
                 WHERE attrelid = to_regclass('events') AND attname IN ('start_time', 'end_time')) AS c;

        -- room_name is not unique in room_info: one room, the one with a key first.
        EXECUTE format($view$
            CREATE VIEW hivetalk_scheduler.event_source AS
            SELECT e.id AS event_id, e.name::text AS name, e.description::text AS summary, e.image_url::text AS image,
                   %s AS starts_at, %s AS ends_at, e.identifier::text AS identifier,
                   e.room_name::text AS room_name, r.room_npub, r.room_nsec, r.room_relay_url,
                   lower(coalesce(e.status::text, '')) IN ('cancelled', 'canceled') AS cancelled,
                   e.status::text AS status
              FROM %s AS e
              LEFT JOIN LATERAL (
                   SELECT i.room_npub::text, i.room_nsec::text, i.room_relay_url::text
                     FROM %s AS i WHERE i.room_name = e.room_name
                    ORDER BY i.room_nsec IS NULL, i.room_npub LIMIT 1) AS r ON true
            $view$, start_column, end_column, to_regclass('events'), to_regclass('room_info'));

        -- Runs as the owner of events, so that the scheduler needs no right on the application's tables, and a trigger
        -- on them gains none. A cancelled event stays cancelled, and a failure never hides that another destination
        -- has the announcement. It waits for no lock of the application: what is locked is returned, to be tried again.
        EXECUTE format($function$
            CREATE FUNCTION hivetalk_scheduler.write_back(event_ids text[], statuses text[], nostr_ids text[])
            RETURNS SETOF text LANGUAGE sql SECURITY DEFINER
            SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $body$
                WITH wanted AS MATERIALIZED (
                    SELECT * FROM unnest(event_ids::%2$s[], statuses, nostr_ids) AS w(id, status, nostr_id)),
                free AS MATERIALIZED (
                    SELECT e.id FROM %1$s AS e WHERE e.id = ANY(event_ids::%2$s[]) FOR NO KEY UPDATE SKIP LOCKED),
                written AS (
                    UPDATE %1$s AS e
                       SET status = w.status, nostr_event_id = coalesce(w.nostr_id, e.nostr_event_id)
                      FROM wanted AS w
                     WHERE e.id = w.id AND e.id IN (SELECT id FROM free)
                       AND w.status IN ('live:sent', 'ended:sent', 'live:failed', 'ended:failed')
                       AND lower(coalesce(e.status::text, '')) NOT IN ('cancelled', 'canceled')
                       AND NOT (w.status = 'live:failed'
                                AND coalesce(e.status, '') IN ('live:sent', 'ended:sent', 'ended:failed'))
                       AND NOT (w.status = 'ended:failed' AND coalesce(e.status, '') = 'ended:sent'))
                SELECT e.id::text FROM %1$s AS e
                 WHERE (SELECT count(*) FROM free) < cardinality(event_ids)  -- else there is nothing to look for
                   AND e.id = ANY(event_ids::%2$s[]) AND e.id NOT IN (SELECT id FROM free)
            $body$
            $function$, (SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
                          WHERE pg_class.oid = to_regclass('events')), id_type);
        SELECT rolname INTO owner FROM pg_class JOIN pg_roles AS r ON r.oid = relowner
         WHERE pg_class.oid = to_regclass('events');
        EXECUTE format('ALTER FUNCTION hivetalk_scheduler.write_back(text[], text[], text[]) OWNER TO %I', owner);
        IF has_table_privilege(owner, to_regclass('room_info'), 'SELECT') THEN
            EXECUTE format('ALTER VIEW hivetalk_scheduler.event_source OWNER TO %I', owner);
        END IF;
    ELSIF to_regprocedure('hivetalk_scheduler.write_back(text[], text[], text[])') IS NULL THEN
        CREATE FUNCTION hivetalk_scheduler.write_back(event_ids text[], statuses text[], nostr_ids text[])
        RETURNS SETOF text LANGUAGE sql AS 'SELECT NULL::text WHERE false';
    END IF;
END
$migration$;

REVOKE ALL ON FUNCTION hivetalk_scheduler.write_back(text[], text[], text[]) FROM PUBLIC;
