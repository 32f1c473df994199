-- What the status page asks beside console.sql. Every statement keeps to the last day and the next, by an index.

-- name: past
-- What fell due, in steps of `step` seconds, and how it ended; milliseconds of lateness of what was sent.
SELECT floor(extract(epoch FROM due_at) / %(step)s)::bigint AS at,
       count(*) FILTER (WHERE state = 'delivered' AND coalesce(ms, 0) <= %(goal)s) AS prompt,
       count(*) FILTER (WHERE state = 'delivered' AND ms > %(goal)s) AS late,
       count(*) FILTER (WHERE state IN ('dead', 'expired')) AS failed,
       count(*) FILTER (WHERE state IN ('superseded', 'cancelled', 'discarded')) AS withdrawn,
       count(*) FILTER (WHERE state = 'pending') AS waiting,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50, max(ms) AS max
  FROM (SELECT due_at, state, CASE WHEN state = 'delivered' THEN extract(epoch FROM fired_at - due_at)::float8 * 1000 END AS ms
          FROM hivetalk_scheduler.delivery
         WHERE state <> 'pending' AND completed_at > statement_timestamp() - interval '1 day'
           AND transition <> 'refresh' AND NOT test
         UNION ALL
        SELECT due_at, state, NULL FROM hivetalk_scheduler.delivery
         WHERE state = 'pending' AND due_at <= statement_timestamp() AND transition <> 'refresh' AND NOT test) AS d
 GROUP BY 1 ORDER BY 1

-- name: ahead
-- What will fall due, by the rule of `wanted` in queries.sql.
SELECT floor(extract(epoch FROM due_at) / %(step)s)::bigint AS at, count(*) AS n,
       sum(cardinality(%(names)s::text[])
           + (%(room_relays)s AND relay <> '' AND relay <> ALL(%(names)s::text[]))::integer) AS expected
  FROM (SELECT starts_at AS due_at, coalesce(regexp_replace(btrim(room_relay_url), '/+$', ''), '') AS relay
          FROM hivetalk_scheduler.event_source
         WHERE starts_at > statement_timestamp() AND starts_at <= statement_timestamp() + interval '1 day'
           AND cancelled IS NOT TRUE
         UNION ALL
        SELECT ends_at, coalesce(regexp_replace(btrim(room_relay_url), '/+$', ''), '')
          FROM hivetalk_scheduler.event_source
         WHERE ends_at > statement_timestamp() AND ends_at <= statement_timestamp() + interval '1 day'
           AND cancelled IS NOT TRUE AND ends_at >= starts_at) AS e
 GROUP BY 1 ORDER BY 1

-- name: latest
SELECT event_id, test, transition, due_at, fired_at, destination,
       extract(epoch FROM fired_at - due_at)::float8 * 1000 AS ms
  FROM hivetalk_scheduler.delivery
 WHERE state <> 'pending' AND completed_at > statement_timestamp() - interval '1 day' AND state = 'delivered'
   AND fired_at IS NOT NULL
 ORDER BY completed_at DESC LIMIT %(limit)s

-- name: failures
-- Dead and expired, those of one destination and one reason together.
SELECT destination, state, reason, count(*) AS n, min(completed_at) AS first, max(completed_at) AS last,
       (array_agg(event_id ORDER BY completed_at DESC))[1] AS event_id,
       (array_agg(test ORDER BY completed_at DESC))[1] AS test, count(*) OVER () AS total
  FROM (SELECT destination, state, coalesce(left(answer, 300), '') AS reason, completed_at, event_id, test
          FROM hivetalk_scheduler.delivery
         WHERE state IN ('dead', 'expired') AND completed_at > statement_timestamp() - interval '1 day') AS d
 GROUP BY destination, state, reason ORDER BY last DESC LIMIT %(limit)s

-- name: gaps
-- Times without a run, the latest first. `patience`: seconds between two runs that are still no gap.
SELECT began, ended, count(*) OVER () AS total
  FROM (SELECT lag(started_at) OVER (ORDER BY started_at) AS began, started_at AS ended
          FROM hivetalk_scheduler.run WHERE started_at > statement_timestamp() - interval '1 day') AS r
 WHERE ended - began > make_interval(secs => %(patience)s)
 ORDER BY ended DESC LIMIT %(limit)s

-- name: unfinished
SELECT id, host, release, started_at, count(*) OVER () AS total
  FROM hivetalk_scheduler.run
 WHERE started_at > statement_timestamp() - interval '1 day' AND finished_at IS NULL
   AND started_at < statement_timestamp() - make_interval(secs => %(timeout)s)
 ORDER BY started_at DESC LIMIT %(limit)s

-- name: names
-- `ids` is an array literal of unknown type, so that the view's own type of event_id (and its index) is used.
SELECT event_id::text AS id, left(name, 200) AS name FROM hivetalk_scheduler.event_source WHERE event_id = ANY(%(ids)s)
