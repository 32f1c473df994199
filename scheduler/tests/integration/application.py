"""The application's side of the tests: its tables, and its rows."""

from pathlib import Path
from typing import Any

import psycopg

TABLES = (Path(__file__).parents[3] / "roles/hivetalk_database/files/hivetalk.sql").read_bytes()


def add_event(owner: psycopg.Connection, start: float | None, end: float | None, **columns: Any) -> str:
    """Insert an event that starts and ends so many seconds from now (None: no time); returns its id."""
    columns = {"name": "A meeting", "identifier": "a-meeting", "room_name": "room", **columns}
    names = ", ".join(columns)
    row = owner.execute(
        f"INSERT INTO events (start_time, end_time, {names}) VALUES (clock_timestamp() + make_interval(secs => %s), "
        f"clock_timestamp() + make_interval(secs => %s), {', '.join(['%s'] * len(columns))}) RETURNING id::text",
        [start, end, *columns.values()],
    ).fetchone()
    assert row is not None
    return str(row[0])
