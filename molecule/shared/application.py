"""The database as its owner sees it: meetings that the application writes, and what the scheduler recorded."""

import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from testinfra.host import Host


@dataclass(frozen=True)
class Meeting:
    """A row of ``events``; times are seconds since the epoch."""

    starts: int
    ends: int
    name: str
    room: str = "lab"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


def query(host: Host, sql: str, database: str = "hivetalk", **values: object) -> list[dict[str, Any]]:
    """The rows of `sql` (psql's ``:'name'`` takes `values`), run as the database's owner."""
    # On standard input: sudo logs its arguments, and a room's key is among the values.
    settings = "".join(f"\\set {name} '{_escaped(str(value))}'\n" for name, value in values.items())
    script = f"{settings}WITH q AS ({sql}) SELECT coalesce(json_agg(q), '[]') FROM q;\n"  # noqa: S608  # the tests' own text
    output = host.check_output(
        "printf %%s %s | sudo -u postgres psql -X -q -At -v ON_ERROR_STOP=1 %s", script, database
    )
    return list(json.loads(output))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


def room(host: Host, name: str, nsec: str, npub: str, relay_url: str = "") -> None:
    """Write a room with its keys and, if it has one, its own relay."""
    insert = (
        "INSERT INTO room_info (room_name, room_nsec, room_npub, room_relay_url)"
        " VALUES (:'name', :'nsec', :'npub', nullif(:'relay_url', '')) RETURNING room_name"
    )
    query(host, insert, name=name, nsec=nsec, npub=npub, relay_url=relay_url)


def write(host: Host, meeting: Meeting, database: str = "hivetalk") -> None:
    """Write a meeting, as a visitor of the web application would."""
    insert = (
        "INSERT INTO events (id, name, start_time, end_time, room_name, identifier)"
        " VALUES (:'id', :'name', to_timestamp(:'starts'), to_timestamp(:'ends'), :'room', :'id')"
        " RETURNING id"
    )
    query(host, insert, database, **asdict(meeting))


def deliveries(host: Host, event_id: str, database: str = "hivetalk") -> list[dict[str, Any]]:
    """The scheduler's deliveries of one event, in the order in which they were due."""
    return query(
        host,
        "SELECT transition, destination, state, attempts, extract(epoch FROM due_at)::float AS due,"
        " extract(epoch FROM fired_at)::float AS fired, answer, test"
        " FROM hivetalk_scheduler.delivery WHERE event_id = :'id' ORDER BY due_at, destination",
        database,
        id=event_id,
    )


def old_delivery(host: Host, event_id: str, age: int) -> None:
    """Make a delivery that was completed `age` seconds ago."""
    insert = (
        "INSERT INTO hivetalk_scheduler.delivery"
        " (event_id, test, transition, due_at, destination, state, next_at, completed_at)"
        " SELECT :'id', false, 'live', t, 'journal:', 'delivered', t, t"
        " FROM (SELECT clock_timestamp() - make_interval(secs => :'age') AS t) AS a RETURNING event_id"
    )
    query(host, insert, id=event_id, age=age)


@dataclass(frozen=True)
class Run:
    """One run of the scheduler; every number is seconds."""

    behind: float
    ahead: float
    gap: float
    """Since the start of the run before; 0 for the first."""
    window_from: float
    """Since the epoch."""


def runs(host: Host) -> list[Run]:
    """Every run on record, the oldest first."""
    rows = query(
        host,
        "SELECT extract(epoch FROM started_at - window_from)::float AS behind,"
        " extract(epoch FROM window_to - started_at)::float AS ahead,"
        " coalesce(extract(epoch FROM started_at - lag(started_at) OVER w), 0)::float AS gap,"
        " extract(epoch FROM window_from)::float AS window_from"
        " FROM hivetalk_scheduler.run WINDOW w AS (ORDER BY started_at) ORDER BY started_at",
    )
    return [Run(**row) for row in rows]
