"""A world with its own time: a real database whose every timestamp is moved, so that hours pass at once.

The scheduler's code and its SQL run as they are, on the real clock. What happens, happens to the rows: `elapse`
subtracts the time that passes from every timestamp of the application and of the scheduler. The times of the model
are those of the database plus all that has elapsed: microseconds since the epoch, as everywhere.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# One statement for each table that has times. Twice, because a unique key is checked row by row: a row must not land
# where another one still is.
ELAPSE = """
SELECT format('UPDATE %I.%I SET %s', c.table_schema, c.table_name,
              string_agg(format('%1$I = %1$I + make_interval(secs => %%s)', c.column_name), ', ')), count(*)
  FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
 WHERE c.data_type = 'timestamp with time zone' AND t.table_type = 'BASE TABLE'
   AND (c.table_schema = 'hivetalk_scheduler' OR c.table_name = 'events')
   AND c.table_name NOT IN ('migration', 'run', 'test_event')
 GROUP BY c.table_schema, c.table_name
"""
FAR = 10**10
"""Seconds."""


@dataclass
class Meeting:
    """A row of `events` as the model knows it."""

    id: str
    starts: int | None
    ends: int | None
    name: str
    cancelled: bool = False
    deleted: bool = False
    changed: int = 0
    """When the application last changed it."""
    minded: int = 0
    """When it was last moved, withdrawn or restored: what comes back after that is announced anew."""
    before: tuple[int | None, int | None] | None = None
    """Its times before it was last moved."""

    @property
    def end(self) -> int | None:
        """The end, unless it lies before the start."""
        return (
            self.ends
            if self.ends is not None and self.starts is not None and self.ends >= self.starts
            else None
        )

    def due(self, transition: str) -> int | None:
        """When `transition` is called for, if it is."""
        if self.cancelled or self.deleted:
            return None
        return self.end if transition == "ended" else self.starts

    def runs(self, now: int) -> bool:
        """Whether it is live at `now`."""
        due = self.due("live")
        return due is not None and due <= now and (self.end is None or self.end > now)


Key = tuple[str, str, str, int]
"""destination, meeting, transition, due time (the model's)."""


@dataclass
class Arrival:
    """What a receiver was sent."""

    at: int
    id: str
    key: Key
    created_at: int


class World:
    """The application's rows, what the receivers got, and everything that was wrong."""

    def __init__(self, owner: psycopg.Connection, tolerance: float = 2.0) -> None:
        self.db = owner
        self.tolerance = round(tolerance * SECOND)
        self._elapse = owner.execute(ELAPSE).fetchall()
        tables = "watermark, destination, delivery, payload, run, test_event".replace(
            ", ", ", hivetalk_scheduler."
        )
        owner.execute(f"TRUNCATE events, hivetalk_scheduler.{tables}")
        self.elapsed = 0
        self.meetings: dict[str, Meeting] = {}
        self.arrivals: list[Arrival] = []
        self.effects: defaultdict[Key, set[str]] = defaultdict(set)
        self.effective: dict[Key, int] = {}
        """When each was last acted on."""
        self.refused: set[Key] = set()
        self.settled: set[Key] = set()
        """What an undisturbed host has delivered: nobody may send it again."""
        self.keys: dict[tuple[str, str], Key] = {}
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.wrong: list[str] = []
        self.installed = 0
        self.changing = False
        """A run of another host is nested in this one, so that what was judged may have been overtaken."""
        self._numbers = itertools.count()

    def now(self) -> int:
        """The database's clock, in the model's time."""
        row = self.db.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return self.model_time(row[0])

    def model_time(self, value: datetime) -> int:
        return (value - _EPOCH) // timedelta(microseconds=1) + self.elapsed

    def elapse(self, seconds: int) -> None:
        """Let so many seconds pass."""
        with self.db.transaction(), self.db.pipeline():
            for statement, columns in self._elapse:
                for step in (-FAR, FAR - seconds):
                    self.db.execute(statement, [step] * columns)
            self.db.execute("UPDATE hivetalk_scheduler.payload SET created_at = created_at - %s", [seconds])
        self.elapsed += seconds * SECOND

    def _read(self, meeting: Meeting, row: tuple[datetime | None, datetime | None, datetime]) -> None:
        meeting.starts, meeting.ends = (None if t is None else self.model_time(t) for t in row[:2])
        meeting.changed = meeting.minded = self.model_time(row[2])

    def insert(
        self,
        start: float | None,
        lasts: float | None,
        connection: psycopg.Connection | None = None,
        id: str | None = None,
    ) -> Meeting:
        """A new meeting, `start` seconds from now."""
        name = f"meeting {next(self._numbers)}"
        row = (
            (connection or self.db)
            .execute(
                "INSERT INTO events (id, name, start_time, end_time) SELECT coalesce(%s::uuid, gen_random_uuid()), %s, "
                "t, t + make_interval(secs => %s) FROM (SELECT clock_timestamp() + make_interval(secs => %s)) AS x (t) "
                "RETURNING start_time, end_time, clock_timestamp(), id::text",
                [id, name, lasts, start],
            )
            .fetchone()
        )
        assert row is not None
        meeting = Meeting(row[3], None, None, name)
        self._read(meeting, row[:3])
        if connection is None:
            self.meetings[meeting.id] = meeting
        return meeting

    def move(self, meeting: Meeting, start: float | None, end: float | None, what: str) -> None:
        """Write a new start, end, or both ("start", "end", "both"), in seconds from now."""
        row = self.db.execute(
            "UPDATE events SET start_time = CASE WHEN %(what)s <> 'end' THEN clock_timestamp() + "
            "make_interval(secs => %(start)s) ELSE start_time END, end_time = CASE WHEN %(what)s <> 'start' THEN "
            "clock_timestamp() + make_interval(secs => %(end)s) ELSE end_time END WHERE id = %(id)s "
            "RETURNING start_time, end_time, clock_timestamp()",
            {"what": what, "start": start, "end": end, "id": meeting.id},
        ).fetchone()
        assert row is not None
        meeting.before = meeting.starts, meeting.ends
        self._read(meeting, row)

    def move_back(self, meeting: Meeting) -> None:
        """Write the times of before, to the microsecond."""
        times = [
            t and _EPOCH + timedelta(microseconds=t - self.elapsed) for t in meeting.before or (None, None)
        ]
        row = self.db.execute(
            "UPDATE events SET start_time = %s, end_time = %s WHERE id = %s "
            "RETURNING start_time, end_time, clock_timestamp()",
            [*times, meeting.id],
        ).fetchone()
        assert row is not None
        meeting.before = meeting.starts, meeting.ends
        self._read(meeting, row)

    def set(self, meeting: Meeting, column: str, value: str) -> None:
        """Write one text column."""
        self.db.execute(f"UPDATE events SET {column} = %s WHERE id = %s", [value, meeting.id])
        meeting.changed = self.now()
        if column == "status":
            meeting.minded = meeting.changed

    def delete(self, meeting: Meeting) -> None:
        self.db.execute("DELETE FROM events WHERE id = %s", [meeting.id])
        meeting.deleted, meeting.changed = True, self.now()
        meeting.minded = meeting.changed

    def arrive(self, destination: str, message_id: str, body: bytes) -> Arrival | None:
        """A receiver got this: is it right? Called before the receiver answers."""
        row = self.db.execute(
            "SELECT clock_timestamp(), event_id, transition, due_at, created_at, body FROM hivetalk_scheduler.payload "
            "WHERE message_id = %s",
            [message_id],
        ).fetchone()
        if row is None:
            self.wrong.append(f"{message_id} was sent to {destination} before it was stored")
            return None
        now, key = self.model_time(row[0]), (destination, row[1], row[2], self.model_time(row[3]))
        # A shift moves created_at too, but not what is signed; the column is what the model's time goes by.
        arrival = Arrival(now, message_id, key, row[4] + self.elapsed // SECOND)
        name = f"{key[2]} of {key[1]} due at {key[3]} at {destination}"
        if body != row[5].encode() or self.bodies.setdefault((destination, message_id), body) != body:
            self.wrong.append(f"{name} was sent with other bytes than were stored, or than before")
        if self.keys.setdefault((destination, message_id), key) != key:
            self.wrong.append(f"{name} has the id of {self.keys[destination, message_id]}")
        if key in self.settled:
            self.wrong.append(f"{name} is sent again")
        self._judge(arrival, name)
        self.arrivals.append(arrival)
        # After another word about the meeting, the one before may have to be said again.
        self.settled -= {other for other in self.settled if other[:2] == key[:2] and other != key}
        return arrival

    def _judge(self, arrival: Arrival, name: str) -> None:
        """Is this what the meeting says now? By the model's own words, not by the scheduler's."""
        (_, event, transition, due), now = arrival.key, arrival.at
        meeting = self.meetings.get(event)
        if now < due:
            self.wrong.append(f"{name} is {(due - now) / SECOND:.3f} s early")
        if due < self.installed - (120 + 5) * SECOND:
            self.wrong.append(f"{name} is older than the installation")
        if now > due + 86_400 * SECOND + self.tolerance:
            self.wrong.append(f"{name} is later than max_lateness")
        if self.changing:
            return
        if meeting is None or meeting.due("live") is None:
            self.wrong.append(f"{name}: the meeting is cancelled or gone")
        elif transition != "refresh" and meeting.due(transition) != due:
            self.wrong.append(f"{name}: the meeting says {meeting.due(transition)}")
        elif transition != "ended" and meeting.end is not None and meeting.end <= now - self.tolerance:
            self.wrong.append(f"{name}: the meeting is over")

    def effect(self, arrival: Arrival) -> None:
        """The receiver acts on it, unless it knows the id."""
        ids, last = self.effects[arrival.key], self.effective.get(arrival.key, 0)
        doubled = bool(ids) and arrival.id not in ids and self.meetings[arrival.key[1]].minded <= last
        ids.add(arrival.id)
        self.effective[arrival.key] = arrival.at
        if doubled:
            self.wrong.append(f"two effects of {arrival.key}: {self.effects[arrival.key]}")

    def check(self) -> None:
        assert not self.wrong, "\n".join(self.wrong)
