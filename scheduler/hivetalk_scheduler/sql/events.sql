-- What `events` changes in the application's own tables, as their owner. {events} and {rooms} are those tables, quoted by
-- the server. A timestamp without time zone is UTC, as in the view: `begin` sets it so.

-- name: begin
BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL lock_timeout = '10s';
SET LOCAL idle_in_transaction_session_timeout = '10min'

-- name: lock
-- One import at a time.
SELECT pg_advisory_xact_lock(%(key)s)

-- name: now
SELECT clock_timestamp() AS now

-- name: tables
-- The tables that the view event_source reads, if they are HiveTalk's.
SELECT c.relname AS name, format('%%I.%%I', n.nspname, c.relname) AS quoted, c.relowner::regrole::text AS owner,
       current_user AS role, has_table_privilege(c.oid, 'SELECT')
       AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AS writable,
       ARRAY(SELECT w FROM unnest(%(columns)s::text[]) AS w
              WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = w)) AS missing,
       (SELECT format_type(a.atttypid, NULL) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'id') AS id_type,
       (SELECT a.atthasdef OR a.attidentity <> '' FROM pg_attribute AS a
         WHERE a.attrelid = c.oid AND a.attname = 'id') AS numbered
  FROM pg_rewrite AS r
  JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
  JOIN pg_class AS c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p') AND c.relname IN ('events', 'room_info')
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE r.ev_class = to_regclass('hivetalk_scheduler.event_source')
 GROUP BY c.oid, n.nspname

-- name: row
SELECT e.id::text AS id, coalesce(e.name::text, '') AS name, coalesce(e.description::text, '') AS description,
       e.start_time::timestamptz AS starts_at, e.end_time::timestamptz AS ends_at, e.room_name::text AS room_name,
       e.identifier::text AS identifier, lower(coalesce(e.status::text, '')) IN ('cancelled', 'canceled') AS cancelled
  FROM {events} AS e WHERE e.id::text = %(id)s FOR UPDATE

-- name: rows
-- Every row of the calendar with this prefix, what other calendars keep of the same meetings, and what was exported.
SELECT e.id::text AS id, coalesce(e.name::text, '') AS name, coalesce(e.description::text, '') AS description,
       e.start_time::timestamptz AS starts_at, e.end_time::timestamptz AS ends_at, e.room_name::text AS room_name,
       e.identifier::text AS identifier, lower(coalesce(e.status::text, '')) IN ('cancelled', 'canceled') AS cancelled
  FROM {events} AS e
 WHERE e.identifier ^@ %(prefix)s
    OR (e.identifier ^@ 'ics-' AND substr(e.identifier, length(%(prefix)s) + 1) = ANY(%(keys)s))
    OR e.id::text = ANY(%(ids)s)

-- name: rooms
SELECT DISTINCT r.room_name::text AS room FROM {rooms} AS r WHERE r.room_name = ANY(%(rooms)s)

-- name: add
INSERT INTO {events} (name, description, start_time, end_time, room_name, identifier)
VALUES (%(name)s, %(description)s, %(start_time)s, %(end_time)s, %(room_name)s, %(identifier)s) RETURNING id::text AS id

-- name: add_with_id
INSERT INTO {events} (id, name, description, start_time, end_time, room_name, identifier)
VALUES (%(id)s, %(name)s, %(description)s, %(start_time)s, %(end_time)s, %(room_name)s, %(identifier)s)
RETURNING id::text AS id

-- name: change
-- What is null stays.
UPDATE {events} AS e
   SET name = coalesce(%(name)s, e.name), description = coalesce(%(description)s, e.description),
       start_time = coalesce(%(start_time)s::timestamptz, e.start_time),
       end_time = coalesce(%(end_time)s::timestamptz, e.end_time),
       room_name = coalesce(%(room_name)s, e.room_name), status = coalesce(%(status)s, e.status)
 WHERE e.id::text = %(id)s
