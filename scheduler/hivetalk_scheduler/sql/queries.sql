-- Every statement of the scheduler, by name. `%(x)s` are bound parameters; nothing else is ever put into the text.
-- Where one event's deliveries are looked for, its state is no plain column (`state || ''`): by statistics from before a
-- burst, an index of what is pending, or of what is completed, is all but empty, and all of it would be read for each row.

-- name: begin
-- The limits are local to the transaction: a pooler may hand the next one to another session. Compiling would take
-- longer than any of these statements.
BEGIN;
SET LOCAL jit = off;
SET LOCAL statement_timeout = '30s';
SET LOCAL lock_timeout = '5s';
SET LOCAL idle_in_transaction_session_timeout = '30s'

-- name: look
SELECT clock_timestamp() AS now,
       (SELECT max(version) FROM hivetalk_scheduler.migration) AS version,
       (SELECT max(oldest) FROM hivetalk_scheduler.migration) AS oldest,
       (SELECT origin FROM hivetalk_scheduler.watermark) AS origin,
       (SELECT caught_to FROM hivetalk_scheduler.watermark) AS caught_to,
       (SELECT swept_to FROM hivetalk_scheduler.watermark) AS swept_to,
       ARRAY(SELECT name FROM hivetalk_scheduler.destination WHERE name = ANY(%(names)s)) AS known

-- name: start_watermark
INSERT INTO hivetalk_scheduler.watermark (origin, caught_to) VALUES (%(origin)s, %(origin)s) ON CONFLICT DO NOTHING

-- name: start_destinations
INSERT INTO hivetalk_scheduler.destination (name, origin)
SELECT unnest(%(names)s::text[]), %(origin)s ON CONFLICT DO NOTHING

-- name: by_index
-- Until the transaction ends. What a catch finds are few rows of a long history, each by an index. By the planner's
-- statistics, in which a day may be but a part of one step, it would expect many, and read all of the history to join them.
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off

-- name: wanted
-- The deliveries that the events in the window call for and that are not there yet.
-- Of an event that is over, only the end is wanted. An end before its start is no end (reported when it fires).
-- What ended without being sent is wanted again where the event says so again, and so is what was sent, where
-- something else has been since (by this scheduler: fired_at): the last word at a destination is what the event says.
-- `running`: of the events that began in the window, only those that still run.
SELECT DISTINCT ON (c.due_at, c.event_id, c.transition, d.destination, c.test)
       c.event_id, c.test, c.transition, c.due_at, d.destination, c.status, coalesce(x.generation + 1, 0) AS generation
  FROM (SELECT event_id::text AS event_id, false AS test, 'live' AS transition, starts_at AS due_at, room_relay_url, status,
               NULL AS only_to
          FROM hivetalk_scheduler.event_source
         WHERE starts_at > %(lower)s AND starts_at <= %(upper)s AND cancelled IS NOT TRUE
           AND (ends_at IS NULL OR ends_at > %(now)s + make_interval(secs => %(lead)s) OR ends_at < starts_at)
         UNION ALL
        SELECT event_id::text, false, 'ended', ends_at, room_relay_url, status, NULL
          FROM hivetalk_scheduler.event_source
         WHERE NOT %(running)s
           AND ends_at > %(lower)s AND ends_at <= %(upper)s AND cancelled IS NOT TRUE AND ends_at >= starts_at
         UNION ALL
        SELECT event_id, true, 'live', starts_at, NULL, NULL, only_to
          FROM hivetalk_scheduler.test_event
         WHERE starts_at > %(lower)s AND starts_at <= %(upper)s
           AND ends_at > %(now)s + make_interval(secs => %(lead)s) AND coalesce(only_to = %(canary)s, true)
         UNION ALL
        SELECT event_id, true, 'ended', ends_at, NULL, NULL, NULL
          FROM hivetalk_scheduler.test_event
         WHERE NOT %(running)s AND ends_at > %(lower)s AND ends_at <= %(upper)s AND only_to IS NULL) AS c
 CROSS JOIN LATERAL (
        SELECT k.name AS destination FROM hivetalk_scheduler.destination AS k
         WHERE k.name = ANY(%(names)s) AND c.due_at >= k.origin AND c.only_to IS NULL
         UNION ALL  -- what comes twice is taken once
        SELECT c.only_to WHERE c.only_to IS NOT NULL
         UNION ALL
        SELECT left(regexp_replace(btrim(c.room_relay_url), '/+$', ''), 500)
         WHERE %(room_relays)s AND btrim(c.room_relay_url) <> '') AS d
  LEFT JOIN hivetalk_scheduler.delivery AS x
         ON x.event_id = c.event_id AND x.test = c.test AND x.transition = c.transition
        AND x.due_at = c.due_at AND x.destination = d.destination
 WHERE octet_length(c.event_id) <= 500  -- what an index entry can hold; `db check` reports longer ones
   AND (x.id IS NULL OR x.state IN ('cancelled', 'superseded')
        OR x.state <> 'pending' AND EXISTS (
           SELECT FROM hivetalk_scheduler.delivery AS y
            WHERE y.event_id = c.event_id AND y.test = c.test AND y.transition IN ('live', 'ended')
              AND y.destination = d.destination AND y.state || '' = 'delivered' AND y.fired_at IS NOT NULL
              AND y.completed_at + interval '0' > x.completed_at))
 ORDER BY c.due_at, c.event_id, c.transition, d.destination, c.test  -- one order, so that two runs cannot deadlock
 LIMIT %(limit)s

-- name: catch
-- On the first run of all (`first`), what the predecessor recorded as sent is taken as sent. An end that is overdue
-- queues from now: after an outage, the meetings that still run come first, the oldest of them foremost. What comes
-- back after a change of mind is announced as it is now: a new generation, with bytes of its own; where two runs see
-- the same, the first makes it.
INSERT INTO hivetalk_scheduler.delivery AS d
       (event_id, test, transition, due_at, destination, generation, caught_at, next_at, state, completed_at, answer)
SELECT w.event_id, w.test, w.transition, w.due_at, w.destination, w.generation, %(now)s,
       CASE WHEN w.transition = 'ended' AND w.due_at < %(now)s THEN %(now)s
            ELSE w.due_at - make_interval(secs => %(lead)s) END,
       CASE WHEN s.sent THEN 'delivered' ELSE 'pending' END,
       CASE WHEN s.sent THEN clock_timestamp() END,
       CASE WHEN s.sent THEN 'events.status said ' || w.status || ' before the first run' END
  FROM (/* wanted */) AS w
 CROSS JOIN LATERAL (
        SELECT coalesce(%(first)s AND w.status IN ('ended:sent', w.transition || ':sent'), false) AS sent) AS s
    ON CONFLICT (event_id, test, transition, due_at, destination) DO UPDATE
       SET state = 'pending', next_at = excluded.next_at, completed_at = NULL, answer = NULL, claimed_by = NULL,
           attempts = 0, generation = excluded.generation, caught_at = excluded.caught_at
     WHERE d.state <> 'pending' AND d.generation < excluded.generation
RETURNING d.due_at

-- name: count_caught
INSERT INTO hivetalk_scheduler.counter AS n (counted_by, kind, outcome, le, n, seconds)
VALUES (%(by)s, '', 'caught', 0, %(n)s, 0)
    ON CONFLICT (counted_by, kind, outcome, le) DO UPDATE SET n = n.n + excluded.n

-- name: sweep
-- The start of the event that lies `limit` events after `lower`; null where there are fewer up to `upper`.
SELECT (SELECT starts_at FROM hivetalk_scheduler.event_source
         WHERE starts_at > %(lower)s AND starts_at <= %(upper)s ORDER BY starts_at OFFSET %(limit)s LIMIT 1) AS upper

-- name: mark
UPDATE hivetalk_scheduler.watermark SET caught_to = greatest(caught_to, %(now)s), swept_to = %(swept_to)s

-- name: start_run
INSERT INTO hivetalk_scheduler.run
       (id, host, release, started_at, window_from, window_to, clock_offset, caught, finished_at)
VALUES (%(run)s, %(host)s, %(release)s, %(now)s, %(lower)s, %(upper)s, make_interval(secs => %(offset)s),
        %(caught)s, CASE WHEN %(idle)s THEN clock_timestamp() END)

-- name: finish_run
UPDATE hivetalk_scheduler.run
   SET finished_at = clock_timestamp(), caught = %(caught)s, delivered = %(delivered)s, retried = %(retried)s,
       failed = %(failed)s
 WHERE id = %(run)s

-- name: ahead
-- What may be claimed up to `until`, soonest first, which by the key it is not: an attempt after the first comes later. What
-- is claimed and may come back by then only if `leased`.
SELECT d.id, d.event_id, d.test, d.transition, d.due_at, d.of_start, d.destination, d.next_at, d.claims, d.attempts,
       d.generation, d.forced, d.next_at AS fire_at, statement_timestamp() AS now
  FROM hivetalk_scheduler.delivery AS d
 WHERE d.state = 'pending' AND CASE WHEN d.transition = 'ended' THEN greatest(d.due_at, d.caught_at) ELSE d.due_at END <= %(until)s + make_interval(secs => %(lead)s)
   AND d.next_at <= %(until)s AND (%(leased)s OR d.claimed_by IS NULL OR d.next_at <= statement_timestamp())
   AND (d.destination !~ '^canary:' OR d.destination = %(canary)s
        OR d.caught_at < statement_timestamp() - interval '5 min')
   AND d.destination <> ALL(ARRAY(SELECT name FROM hivetalk_scheduler.destination WHERE probe_at > statement_timestamp()))
 ORDER BY d.next_at LIMIT %(limit)s

-- name: claim
-- An `ended` waits while the same event's `live` is being sent, or is due itself and not yet judged; a destination
-- that rests waits. A canary is its own release's; one that was left behind is anybody's, to be cancelled.
-- statement_timestamp() is never later than the clock. What is claimed `run_up` seconds early is sent when it is due: `now`
-- is the clock that this is told by. Of the columns that it changes none is indexed (migration 0004).
WITH due AS MATERIALIZED (
    SELECT d.ctid AS place, d.next_at AS fire_at FROM hivetalk_scheduler.delivery AS d
     WHERE d.state = 'pending'
       AND CASE WHEN d.transition = 'ended' THEN greatest(d.due_at, d.caught_at) ELSE d.due_at END <= statement_timestamp() + make_interval(secs => %(run_up)s + %(lead)s)
       AND d.next_at <= statement_timestamp() + make_interval(secs => %(run_up)s)
       AND d.destination <> ALL(%(busy)s)
       AND (d.destination !~ '^canary:' OR d.destination = %(canary)s
            OR d.caught_at < statement_timestamp() - interval '5 min')
       AND d.destination <> ALL(ARRAY(SELECT name FROM hivetalk_scheduler.destination WHERE probe_at > statement_timestamp()))
       AND (d.transition <> 'ended' OR NOT EXISTS (
            SELECT FROM hivetalk_scheduler.delivery AS l
             WHERE l.event_id = d.event_id AND l.test = d.test AND l.transition <> 'ended'
               AND l.destination = d.destination AND l.state || '' = 'pending'
               AND (l.claimed_by IS NOT NULL OR l.next_at <= statement_timestamp() + make_interval(secs => %(run_up)s))))
     ORDER BY CASE WHEN d.transition = 'ended' THEN greatest(d.due_at, d.caught_at) ELSE d.due_at END LIMIT %(limit)s
       FOR UPDATE OF d SKIP LOCKED)
UPDATE hivetalk_scheduler.delivery AS d
   SET claimed_by = %(run)s, claims = d.claims + 1, next_at = clock_timestamp() + make_interval(secs => %(lease)s)
  FROM due WHERE d.ctid = due.place  -- where it stays while it is locked
RETURNING d.id, d.event_id, d.test, d.transition, d.due_at, d.of_start, d.destination, d.next_at, d.claims, d.attempts,
          d.generation, d.forced, due.fire_at, clock_timestamp() AS now

-- name: sources
-- `ids` is an array literal of unknown type, so that the view's own type of event_id (and its index) is used.
SELECT event_id::text AS id, coalesce(left(name, 1000), '') AS name, coalesce(left(summary, 10000), '') AS summary,
       coalesce(left(image, 2000), '') AS image,
       starts_at, ends_at, left(identifier, 500) AS identifier, left(room_name, 500) AS room_name,
       left(room_npub, 200) AS room_npub, left(room_nsec, 200) AS room_nsec,
       left(regexp_replace(btrim(room_relay_url), '/+$', ''), 500) AS room_relay_url, coalesce(cancelled, false) AS cancelled, false AS test
  FROM hivetalk_scheduler.event_source WHERE event_id = ANY(%(ids)s)

-- name: test_sources
SELECT event_id AS id, name, '' AS summary, '' AS image, starts_at, ends_at, NULL AS identifier,
       NULL AS room_name, NULL AS room_npub, NULL AS room_nsec, NULL AS room_relay_url, false AS cancelled, true AS test
  FROM hivetalk_scheduler.test_event WHERE event_id = ANY(%(ids)s::text[])

-- name: payloads
SELECT event_id, test, transition, due_at, generation, format, message_id, created_at, body
  FROM hivetalk_scheduler.payload WHERE event_id = ANY(%(ids)s::text[])

-- name: store_payloads
INSERT INTO hivetalk_scheduler.payload
       (event_id, test, transition, due_at, generation, format, message_id, created_at, body)
SELECT event_id, test <> 0, transition, due_at, generation, format, message_id, created_at, body
  FROM unnest(%(event_ids)s::text[], %(tests)s::integer[], %(transitions)s::text[], %(due_ats)s::timestamptz[],
              %(generations)s::integer[], %(formats)s::text[], %(message_ids)s::text[], %(created_ats)s::bigint[], %(bodies)s::text[])
       AS p(event_id, test, transition, due_at, generation, format, message_id, created_at, body)
    ON CONFLICT DO NOTHING

-- name: complete
-- Counts only where the claim is still this run's; said twice (the first answer was lost), it counts once. `delay` is
-- null where the delivery has ended; a delivery that is handed back without an attempt keeps its count.
-- The counter's rows in one order, so that two connections cannot deadlock; of lateness, an array of microseconds.
WITH done AS (
UPDATE hivetalk_scheduler.delivery AS d
   SET state = c.state, attempts = d.attempts + CASE WHEN d.state = 'pending' THEN c.attempted ELSE 0 END,
       claimed_by = CASE WHEN c.state <> 'pending' THEN d.claimed_by END, shown = c.shown <> 0,
       fired_at = coalesce(to_timestamp(c.fired_at / 1e6::float8), d.fired_at), answer = c.answer,
       next_at = CASE WHEN c.delay IS NULL THEN d.next_at ELSE clock_timestamp() + make_interval(secs => c.delay) END,
       completed_at = CASE WHEN c.state <> 'pending' THEN coalesce(d.completed_at, clock_timestamp()) END
  FROM unnest(%(ids)s::bigint[], %(claims)s::integer[], %(states)s::text[], %(attempted)s::integer[],
              %(fired_ats)s::bigint[], %(answers)s::text[], %(delays)s::float8[],
              %(shown)s::integer[], %(kinds)s::text[])
       AS c(id, claims, state, attempted, fired_at, answer, delay, shown, kind)
 WHERE d.id = ANY(%(ids)s::bigint[]) AND d.id = c.id AND d.claims = c.claims
   AND coalesce(d.claimed_by = %(run)s, false)  -- not a plain =, by which the planner expects no row, or reads them all
   AND d.state IN ('pending', c.state)
RETURNING d.id, c.kind, CASE c.state WHEN 'pending' THEN 'retried' ELSE c.state END AS outcome,
          NOT d.test AND CASE c.state WHEN 'pending' THEN c.attempted <> 0
                                      ELSE d.completed_at >= statement_timestamp() END AS counts,
          CASE WHEN c.state = 'delivered' AND d.transition <> 'refresh' THEN
               greatest(0, extract(epoch FROM d.fired_at - d.due_at) * 1000000)::bigint END AS late),
counted AS (
INSERT INTO hivetalk_scheduler.counter AS n (counted_by, kind, outcome, le, n, seconds)
SELECT %(by)s, kind, outcome, le, count(*), coalesce(sum(late), 0) / 1e6
  FROM done CROSS JOIN LATERAL (
       SELECT CASE WHEN late IS NULL THEN 0 ELSE
              coalesce((%(bounds)s::bigint[])[width_bucket(late - 1, %(bounds)s::bigint[]) + 1] / 1e6::float8, 'Infinity')
              END AS le) AS b
 WHERE counts GROUP BY kind, outcome, le ORDER BY kind, outcome, le
    ON CONFLICT (counted_by, kind, outcome, le) DO UPDATE
       SET n = n.n + excluded.n, seconds = n.seconds + excluded.seconds)
SELECT id FROM done

-- name: refresh
-- The next refresh of each running event at each relay that has its `live`: the one that should have been, if it is not
-- there, else the one after it. Of the events that began between `lower` and `upper`.
INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, next_at, of_start, destination)
SELECT l.event_id, false, 'refresh', n.due_at, n.due_at, l.due_at, l.destination
  FROM hivetalk_scheduler.event_source AS s
  JOIN hivetalk_scheduler.delivery AS l
    ON l.event_id = s.event_id::text AND NOT l.test AND l.transition = 'live' AND l.due_at = s.starts_at
   AND l.state || '' = 'delivered' AND l.destination ~ '^wss?:'
 CROSS JOIN LATERAL (
        SELECT greatest(1, floor(extract(epoch FROM %(now)s - l.due_at) / %(every)s)) AS step) AS k
 CROSS JOIN LATERAL (
        SELECT l.due_at + make_interval(secs => %(every)s * CASE WHEN EXISTS (
               SELECT FROM hivetalk_scheduler.delivery AS x
                WHERE x.event_id = l.event_id AND NOT x.test AND x.transition = 'refresh'
                  AND x.due_at = l.due_at + make_interval(secs => %(every)s * k.step)
                  AND x.destination = l.destination) THEN k.step + 1 ELSE k.step END) AS due_at) AS n
 WHERE s.starts_at > %(lower)s AND s.starts_at <= %(upper)s AND s.cancelled IS NOT TRUE
   AND (s.ends_at IS NULL OR s.ends_at > greatest(n.due_at, %(now)s) OR s.ends_at < s.starts_at)
   AND NOT EXISTS (SELECT FROM hivetalk_scheduler.delivery AS p
                    WHERE p.event_id = l.event_id AND NOT p.test AND p.transition = 'refresh'
                      AND p.destination = l.destination AND p.of_start = l.due_at AND p.state || '' = 'pending')
    ON CONFLICT DO NOTHING

-- name: rest
-- A destination that failed again and again rests, each time twice as long, up to `longest` seconds.
INSERT INTO hivetalk_scheduler.destination AS r (name, origin, failures, probe_at)
VALUES (%(name)s, clock_timestamp(), 1, clock_timestamp() + make_interval(secs => %(first)s))
    ON CONFLICT (name) DO UPDATE
       SET failures = r.failures + 1,
           probe_at = clock_timestamp() + make_interval(secs => least(%(first)s * 2 ^ least(r.failures, 20), %(longest)s))
RETURNING probe_at

-- name: recover
UPDATE hivetalk_scheduler.destination SET failures = 0, probe_at = NULL WHERE name = %(name)s AND failures > 0

-- name: prune
-- In small batches, so that no run is long and autovacuum keeps up. statement_timestamp() is stable, so an index serves.
-- A destination that nothing waits for begins anew when its rest is over: nobody tries it, so it would fail for ever. Its
-- row stays, for its origin; one that another run is writing at this moment is left to the next run.
WITH deliveries AS (
    DELETE FROM hivetalk_scheduler.delivery WHERE id IN (
        SELECT id FROM hivetalk_scheduler.delivery
         WHERE state <> 'pending' AND completed_at < statement_timestamp() - make_interval(secs => %(retention)s)
         ORDER BY completed_at LIMIT %(limit)s)
    RETURNING 1),
payloads AS (
    DELETE FROM hivetalk_scheduler.payload WHERE ctid = ANY(ARRAY(
        SELECT p.ctid FROM hivetalk_scheduler.payload AS p
         WHERE p.due_at < statement_timestamp() - make_interval(secs => %(retention)s)
           AND NOT EXISTS (SELECT FROM hivetalk_scheduler.delivery AS d
                            WHERE d.event_id = p.event_id AND d.test = p.test AND d.transition = p.transition
                              AND d.due_at = p.due_at)
         LIMIT %(limit)s))
    RETURNING 1),
runs AS (
    DELETE FROM hivetalk_scheduler.run WHERE id IN (
        SELECT id FROM hivetalk_scheduler.run
         WHERE started_at < statement_timestamp() - make_interval(secs => %(retention)s) LIMIT %(limit)s)
    RETURNING 1),
tests AS (
    DELETE FROM hivetalk_scheduler.test_event WHERE event_id IN (
        SELECT event_id FROM hivetalk_scheduler.test_event
         WHERE ends_at < statement_timestamp() - make_interval(secs => %(retention)s) LIMIT %(limit)s)
    RETURNING 1),
rests AS (
    UPDATE hivetalk_scheduler.destination SET failures = 0, probe_at = NULL WHERE name IN (
        SELECT r.name FROM hivetalk_scheduler.destination AS r
         WHERE r.probe_at < statement_timestamp() AND r.name NOT IN (
               SELECT d.destination FROM hivetalk_scheduler.delivery AS d WHERE d.state = 'pending')
           FOR UPDATE OF r SKIP LOCKED))
SELECT (SELECT count(*) FROM deliveries) AS deliveries, (SELECT count(*) FROM payloads) AS payloads,
       (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM tests) AS tests

-- name: savepoint
SAVEPOINT application

-- name: release
RELEASE application

-- name: back
ROLLBACK TO application

-- name: unshown
-- What the application does not show yet, the last of each event.
SELECT DISTINCT ON (d.event_id) d.event_id, d.transition, d.state, p.message_id
  FROM hivetalk_scheduler.delivery AS d
  LEFT JOIN hivetalk_scheduler.payload AS p
         ON (p.event_id, p.test, p.transition, p.due_at, p.generation)
          = (d.event_id, d.test, d.transition, d.due_at, d.generation) AND p.format = 'nostr' AND d.destination ~ '^wss?:'
 WHERE NOT d.shown
 ORDER BY d.event_id, d.due_at DESC, d.state = 'delivered' DESC, p.message_id LIMIT %(limit)s

-- name: show
UPDATE hivetalk_scheduler.delivery SET shown = true WHERE NOT shown AND event_id = ANY(%(event_ids)s::text[])

-- name: write_back
SELECT hivetalk_scheduler.write_back(%(event_ids)s::text[], %(statuses)s::text[], %(nostr_ids)s::text[]) AS id
