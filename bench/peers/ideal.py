"""The ideal loops: what a program can reach that does nothing but lock, deliver nothing, and record.

``b``: lock rows, deliver, done, in one transaction. ``c``: lease, commit, deliver, done, commit (what a scheduler
must do that never sends twice at once and never holds a lock while it sends). ``lateness``: sleep to the next, claim.
"""

import sys
import time

import psycopg
from protocol import fired, say, times

BATCH = 500
SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_at timestamptz NOT NULL, next_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending', claimed_by text, done_at timestamptz) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS job_pending ON job (next_at) WHERE state = 'pending';
"""
LOCK = """SELECT id FROM job WHERE state = 'pending' AND next_at <= statement_timestamp()
           ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED"""
LEASE = f"""WITH due AS MATERIALIZED ({LOCK})
    UPDATE job SET claimed_by = %s, next_at = clock_timestamp() + interval '50 s' FROM due WHERE job.id = due.id
    RETURNING job.id, job.run_at"""
DONE = "UPDATE job SET state = 'done', done_at = clock_timestamp() WHERE id = ANY(%s)"


def prepare(url: str, number: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.execute(
            "INSERT INTO job (run_at, next_at) SELECT t, t FROM generate_series(1, %s),"
            " (SELECT clock_timestamp() - interval '1 s' AS t) AS due", [number],
        )  # fmt: skip


def burst_b(url: str) -> None:
    with psycopg.connect(url) as connection:
        while rows := connection.execute(LOCK, [BATCH]).fetchall():
            connection.execute(DONE, [[row[0] for row in rows]])
            connection.commit()
    say("handled")


def burst_c(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while rows := connection.execute(LEASE, [BATCH, "loop"]).fetchall():
            connection.execute(DONE, [[row[0] for row in rows]])
    say("handled")


def lateness(url: str, instants: list[int]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.cursor().executemany(
            "INSERT INTO job (run_at, next_at) SELECT t, t FROM to_timestamp(%s::numeric / 1000000) AS t",
            [[at] for at in instants],
        )
        say("ready")
        left = len(instants)
        while left:
            wait = connection.execute(
                "SELECT extract(epoch FROM least(min(next_at) - clock_timestamp(), interval '3 s'))::float"
                " FROM job WHERE state = 'pending'"
            ).fetchone()[0]
            if wait > 0:
                time.sleep(wait)
            rows = connection.execute(LEASE, [BATCH, "loop"]).fetchall()
            for _, due in rows:
                fired(round(due.timestamp() * 1e6))
            if rows:
                connection.execute(DONE, [[row[0] for row in rows]])
            left -= len(rows)


if __name__ == "__main__":
    what, url, argument = sys.argv[1:4]
    if what == "prepare":
        prepare(url, int(argument))
    elif what == "lateness":
        lateness(url, times(argument))
    else:
        {"burst-b": burst_b, "burst-c": burst_c}[what](url)
        time.sleep(3600)
