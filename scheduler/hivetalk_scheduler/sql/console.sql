-- What an operator's commands ask and change, by name; see queries.sql for what a run does.

-- name: now
SELECT clock_timestamp() AS now

-- name: runs
SELECT id, host, release, started_at, finished_at, caught, delivered, retried, failed
  FROM hivetalk_scheduler.run ORDER BY started_at DESC LIMIT 5

-- name: upcoming
-- The next starts and ends, from the events themselves: rows in delivery are made only minutes before. What no calendar
-- knows, infinity for one, never comes.
SELECT event_id, test, name, transition, due_at
  FROM ((SELECT event_id::text AS event_id, false AS test, left(name, 200) AS name, 'live' AS transition, starts_at AS due_at
           FROM hivetalk_scheduler.event_source
          WHERE starts_at > statement_timestamp() AND cancelled IS NOT TRUE ORDER BY starts_at LIMIT %(limit)s)
         UNION ALL
        (SELECT event_id::text, false, left(name, 200), 'ended', ends_at
           FROM hivetalk_scheduler.event_source
          WHERE ends_at > statement_timestamp() AND cancelled IS NOT TRUE AND ends_at >= starts_at
          ORDER BY ends_at LIMIT %(limit)s)
         UNION ALL
        (SELECT event_id, true, name, 'live', starts_at FROM hivetalk_scheduler.test_event
          WHERE starts_at > statement_timestamp() AND only_to IS NULL ORDER BY starts_at LIMIT %(limit)s)
         UNION ALL
        (SELECT event_id, true, name, 'ended', ends_at FROM hivetalk_scheduler.test_event
          WHERE ends_at > statement_timestamp() AND only_to IS NULL ORDER BY ends_at LIMIT %(limit)s)) AS e
 WHERE due_at < '9999-01-01Z'
 ORDER BY due_at, event_id LIMIT %(limit)s

-- name: destinations
-- The configured ones (`names`) and those with something pending or ended within a day, the worst first; canaries are
-- the deploys' own. `waits` counts what is due or was tried.
WITH ended AS (
     SELECT destination, count(*) FILTER (WHERE state = 'delivered') AS delivered,
            count(*) FILTER (WHERE state = 'dead') AS dead, count(*) FILTER (WHERE state = 'expired') AS expired,
            max(fired_at) FILTER (WHERE state = 'delivered') AS last_at
       FROM hivetalk_scheduler.delivery
      WHERE state <> 'pending' AND completed_at > statement_timestamp() - interval '1 day' AND destination !~ '^canary:'
      GROUP BY destination),
     waiting AS (
     SELECT destination, count(*) AS pending, count(*) FILTER (WHERE attempts > 0) AS retrying,
            count(*) FILTER (WHERE attempts = 0 AND next_at < statement_timestamp()
                               AND due_at < statement_timestamp() - interval '1 min') AS overdue
       FROM hivetalk_scheduler.delivery WHERE state = 'pending' AND destination !~ '^canary:' GROUP BY destination)
SELECT name, coalesce(pending, 0) AS pending, coalesce(retrying, 0) AS retrying, coalesce(overdue, 0) AS overdue,
       coalesce(delivered, 0) AS delivered, coalesce(dead, 0) AS dead, coalesce(expired, 0) AS expired, last_at,
       coalesce(r.failures, 0) > 0 AS rests, r.probe_at, count(*) OVER () AS total
  FROM (SELECT unnest(%(names)s::text[]) UNION SELECT destination FROM ended UNION SELECT destination FROM waiting
         UNION SELECT name FROM hivetalk_scheduler.destination WHERE failures > 0) AS n (name)
  LEFT JOIN ended AS e ON e.destination = name LEFT JOIN waiting AS w ON w.destination = name
  LEFT JOIN hivetalk_scheduler.destination AS r USING (name)
 ORDER BY coalesce(dead, 0) > 0 DESC, coalesce(r.failures, 0) > 0 DESC, coalesce(retrying + overdue + expired, 0) > 0 DESC,
          name = ANY(%(names)s::text[]) DESC, name
 LIMIT %(limit)s

-- name: health
-- Overdue is what nobody has tried yet a minute after its time, although its destination does not rest.
WITH last AS (SELECT started_at, host, extract(epoch FROM clock_offset)::float8 AS "offset"
                FROM hivetalk_scheduler.run ORDER BY started_at DESC LIMIT 1),
     resting AS (SELECT name FROM hivetalk_scheduler.destination WHERE failures > 0),
     overdue AS (SELECT count(*) AS n, min(due_at) AS oldest FROM hivetalk_scheduler.delivery
                  WHERE state = 'pending' AND attempts = 0 AND next_at < statement_timestamp()
                    AND due_at < statement_timestamp() - interval '1 min' AND destination !~ '^canary:'
                    AND destination NOT IN (SELECT name FROM resting)),
     ended AS (SELECT count(*) FILTER (WHERE state = 'dead') AS dead, count(*) FILTER (WHERE state = 'expired') AS expired
                 FROM hivetalk_scheduler.delivery
                WHERE state IN ('dead', 'expired') AND completed_at > statement_timestamp() - interval '1 day')
SELECT clock_timestamp() AS now, (SELECT started_at FROM last), (SELECT host FROM last), (SELECT "offset" FROM last),
       (SELECT finished_at FROM hivetalk_scheduler.run WHERE finished_at IS NOT NULL ORDER BY started_at DESC LIMIT 1),
       (SELECT count(*) FROM hivetalk_scheduler.delivery WHERE state = 'pending') AS pending,
       (SELECT count(*) FROM hivetalk_scheduler.delivery WHERE state = 'pending' AND attempts > 0) AS retrying,
       (SELECT n FROM overdue) AS overdue, (SELECT oldest FROM overdue) AS oldest,
       (SELECT dead FROM ended) AS dead, (SELECT expired FROM ended) AS expired,
       ARRAY(SELECT name FROM resting ORDER BY name) AS resting

-- name: own_run
SELECT started_at, finished_at, extract(epoch FROM clock_offset)::float8 AS "offset"
  FROM hivetalk_scheduler.run WHERE host = %(host)s AND finished_at IS NOT NULL ORDER BY started_at DESC LIMIT 1

-- name: counted
SELECT kind, outcome, le, n, seconds FROM hivetalk_scheduler.counter WHERE counted_by = %(by)s

-- name: lateness
-- Milliseconds from the due time to the last send of what was delivered, refreshes and tests left out.
SELECT span, count(*) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99, max(ms) AS max
  FROM (SELECT completed_at, extract(epoch FROM fired_at - due_at)::float8 * 1000 AS ms
          FROM hivetalk_scheduler.delivery
         WHERE state <> 'pending' AND completed_at > statement_timestamp() - interval '1 day'
           AND state = 'delivered' AND transition <> 'refresh' AND NOT test AND fired_at IS NOT NULL) AS d
  JOIN (VALUES ('hour', interval '1 hour'), ('day', interval '1 day')) AS s (span, length)
    ON completed_at > statement_timestamp() - length
 GROUP BY span, length ORDER BY length

-- name: add_test_event
INSERT INTO hivetalk_scheduler.test_event (event_id, name, starts_at, ends_at, only_to)
SELECT %(id)s, 'HiveTalk Scheduler test event', t.start, t.start + make_interval(secs => %(lasts)s), %(only_to)s
  FROM (SELECT clock_timestamp() + make_interval(secs => %(starts_in)s) AS start) AS t
RETURNING starts_at, ends_at

-- name: of_test_event
SELECT transition, destination, state, due_at, fired_at, attempts, answer,
       round(extract(epoch FROM fired_at - due_at) * 1000)::integer AS lateness_ms
  FROM hivetalk_scheduler.delivery WHERE event_id = %(id)s AND test ORDER BY due_at, destination

-- name: events
-- The meetings that are not over at `lower` and start up to `upper` (seconds since the epoch; null: whenever).
SELECT event_id::text AS event_id, left(name, 1000) AS name, left(summary, 10000) AS description, starts_at, ends_at,
       left(room_name, 500) AS room_name, coalesce(cancelled, false) AS cancelled, left(status, 100) AS status,
       left(identifier, 500) AS identifier
  FROM hivetalk_scheduler.event_source
 WHERE (starts_at >= to_timestamp(%(lower)s) OR ends_at > to_timestamp(%(lower)s))
   AND (%(upper)s::float8 IS NULL OR starts_at <= to_timestamp(%(upper)s))
   AND (%(room)s::text IS NULL OR room_name = %(room)s)
   AND starts_at > '0001-01-02Z' AND starts_at < '9999-01-01Z'  -- what a calendar knows
 ORDER BY starts_at, event_id LIMIT %(limit)s

-- name: event
SELECT event_id::text AS event_id, left(name, 1000) AS name, left(summary, 10000) AS description, starts_at, ends_at,
       left(room_name, 500) AS room_name, coalesce(cancelled, false) AS cancelled, left(status, 100) AS status,
       left(identifier, 500) AS identifier
  FROM hivetalk_scheduler.event_source WHERE event_id::text = %(id)s

-- name: chosen
-- A filter that is null chooses everything.
SELECT d.id FROM hivetalk_scheduler.delivery AS d
 WHERE (%(ids)s::bigint[] IS NULL OR d.id = ANY(%(ids)s))
   AND (%(states)s::text[] IS NULL OR d.state = ANY(%(states)s))
   AND (%(destination)s::text IS NULL OR d.destination = %(destination)s)
   AND (%(event)s::text IS NULL OR d.event_id = %(event)s)
   AND (%(transition)s::text IS NULL OR d.transition = %(transition)s)
 ORDER BY d.due_at DESC, d.id DESC LIMIT %(limit)s

-- name: list
SELECT id, event_id, test, transition, due_at, destination, state, attempts, next_at, fired_at, completed_at, answer
  FROM hivetalk_scheduler.delivery WHERE id IN (/* chosen */) ORDER BY due_at DESC, id DESC

-- name: show
SELECT d.*, p.format, p.message_id, p.created_at, p.body
  FROM hivetalk_scheduler.delivery AS d
  LEFT JOIN hivetalk_scheduler.payload AS p
         ON (p.event_id, p.test, p.transition, p.due_at, p.generation)
          = (d.event_id, d.test, d.transition, d.due_at, d.generation)
 WHERE d.id = %(id)s ORDER BY p.format

-- name: retry
-- Sent again however late; the stored bytes keep their id, unless it is to be announced anew.
UPDATE hivetalk_scheduler.delivery AS d
   SET state = 'pending', forced = true, attempts = 0, next_at = greatest(d.due_at, clock_timestamp()),
       completed_at = NULL, claimed_by = NULL, answer = NULL, generation = d.generation + %(anew)s::boolean::integer
 WHERE d.id IN (/* chosen */)
   AND (d.state IN ('dead', 'expired', 'discarded') OR (%(anew)s AND d.state = 'delivered'))
RETURNING d.id

-- name: discard
-- Not what is on its way at this moment.
UPDATE hivetalk_scheduler.delivery AS d
   SET state = 'discarded', completed_at = clock_timestamp(), answer = 'discarded by an operator'
 WHERE d.id IN (/* chosen */)
   AND (d.state IN ('dead', 'expired')
        OR (d.state = 'pending' AND (d.claimed_by IS NULL OR d.next_at < clock_timestamp())))
RETURNING d.id
