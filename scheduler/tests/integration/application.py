"""The application's side of the tests: its tables, and its rows."""

from pathlib import Path
from typing import Any

import psycopg

TABLES = (Path(__file__).parents[3] / "roles/hivetalk_database/files/hivetalk.sql").read_bytes()


def add_event(owner: psycopg.Connection, start: float | None, end: float | None, **columns: Any) -> str:
    """Insert an event that starts and ends so many seconds from now (None: no time); returns its id."""
    columns = {"name": "A meeting", "room_name": "room", **columns}
    row = owner.execute(
        f"INSERT INTO events (start_time, end_time, {', '.join(columns)}) "
        "VALUES (clock_timestamp() + make_interval(secs => %s), clock_timestamp() + make_interval(secs => %s), "
        f"{', '.join(['%s'] * len(columns))}) RETURNING id::text",
        [start, end, *columns.values()],
    ).fetchone()
    assert row is not None
    return str(row[0])


def installed_long_ago(owner: psycopg.Connection, *destinations: str, seconds: float = 30 * 86_400) -> None:
    """As if the scheduler had been installed so long ago, and its last run had been a minute ago."""
    owner.execute(
        "INSERT INTO hivetalk_scheduler.watermark (origin, caught_to) "
        "VALUES (now() - make_interval(secs => %s), now() - interval '1 min')",
        [seconds],
    )
    owner.execute(
        "INSERT INTO hivetalk_scheduler.destination SELECT unnest(%s::text[]), now() - make_interval(secs => %s)",
        [list(destinations), seconds],
    )


def states(owner: psycopg.Connection) -> dict[tuple[str, str], str]:
    """(event's name, transition) -> state, for events with one destination."""
    rows = owner.execute(
        "SELECT coalesce(e.name, d.event_id), d.transition, d.state FROM hivetalk_scheduler.delivery AS d "
        "LEFT JOIN events AS e ON e.id::text = d.event_id"
    )
    return {(name, transition): state for name, transition, state in rows}


def status(owner: psycopg.Connection, event_id: str) -> str | None:
    """What the application shows."""
    row = owner.execute("SELECT status FROM events WHERE id = %s", [event_id]).fetchone()
    assert row is not None
    return None if row[0] is None else str(row[0])
