"""A month in half a minute: the tables stay bounded."""

import time
from pathlib import Path

import psycopg

from tests.faults.mortal import mortal_host

DAY = 0.4
"""Seconds that a simulated day takes."""
RETENTION, DAYS, EVENTS = 10, 41, 400
"""Days, days, and events a day."""


def test_a_month_stays_bounded(url: str, owner: psycopg.Connection, journal: Path) -> None:
    """One run and one vacuum a day, where there are 1440 of each: it would only be better."""
    config = {
        "database_url": url,
        "hold": False,
        "max_lateness": 1,
        "window_behind": 1,
        "retention": round(RETENTION * DAY),
    }
    sizes, rows, dead = [], [], []
    with mortal_host(journal) as host:
        for _ in range(DAYS):
            ends = time.monotonic() + DAY
            owner.execute(
                "INSERT INTO events (start_time) SELECT now() FROM generate_series(1, %s)", [EVENTS]
            )
            assert host.run(config).status == 0
            owner.execute("SELECT pg_stat_force_next_flush()")
            row = owner.execute(
                "SELECT pg_total_relation_size('hivetalk_scheduler.delivery'), "
                "(SELECT count(*) FROM hivetalk_scheduler.delivery), n_dead_tup "
                "FROM pg_stat_user_tables WHERE relid = 'hivetalk_scheduler.delivery'::regclass"
            ).fetchone()
            assert row is not None
            for figures, figure in zip((sizes, rows, dead), row, strict=True):
                figures.append(figure)
            owner.execute("VACUUM (ANALYZE) hivetalk_scheduler.delivery")
            time.sleep(max(0.0, ends - time.monotonic()))
    first, last = sizes[RETENTION : RETENTION + 10], sizes[-10:]
    grown = max(rows[-10:]) / max(rows[RETENTION : RETENTION + 10])
    print(
        f"proof: a simulated month: delivery of {max(rows)} rows at most, {max(first) // 1024} KiB after "
        f"{RETENTION + 10} days, {max(last) // 1024} KiB after {DAYS}; dead rows at most {max(dead)}"
    )
    assert owner.execute("SELECT count(*) FROM events").fetchone() == (DAYS * EVENTS,)
    assert max(rows) < (RETENTION + 8) * EVENTS, "what has ended is pruned"
    assert max(last) <= 1.25 * max(first) * max(1.0, grown), "and what it took is used again"
