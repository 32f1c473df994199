"""What the receivers count: effects, and what is wrong with them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

import psycopg

from tests.integration.receiver import Receiver


class Arrival(NamedTuple):
    """One announcement at a receiver. `at`: seconds since the epoch, by the clock of the database's host."""

    at: float
    event: str
    transition: str
    id: str
    body: str


@dataclass
class Tally:
    """The figures of a proof."""

    runs: int = 0
    killed: int = 0
    events: int = 0
    effects: int = 0
    repeats: int = 0
    """Arrivals that a de-duplicating receiver recognises by their id."""
    lost: int = 0
    doubled: int = 0
    early: int = 0
    misordered: int = 0
    miscounted: int = 0
    """By how much the counter differs from what it counts."""

    def __str__(self) -> str:
        return " ".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))

    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.early or self.misordered or self.miscounted)


def of_webhook(receiver: Receiver) -> list[Arrival]:
    """What a webhook's receiver got."""
    return [
        Arrival(
            got.at,
            got.body["data"]["event_id"],
            got.body["type"].removeprefix("meeting."),
            got.id,
            str(got.body),
        )
        for got in list(receiver.received)
    ]


def audit(owner: psycopg.Connection, tally: Tally, arrivals: Iterable[Arrival], destination: str) -> None:
    """Add what `destination` received, held against what the application's events call for.

    An event whose end is past calls for `ended`; `live` may then be superseded, but not come after it. Any other
    whose start is past calls for `live`. The due times are the application's, not the scheduler's.
    """
    by_event: defaultdict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_event[arrival.event].append(arrival)
    rows = owner.execute(
        "SELECT id::text, extract(epoch FROM start_time)::float8, extract(epoch FROM end_time)::float8, "
        "start_time <= now(), end_time <= now() FROM events WHERE start_time IS NOT NULL"
    ).fetchall()
    for event, start, end, started, ended in rows:
        got = sorted(by_event.pop(event, []))
        found = {name: [a for a in got if a.transition == name] for name in ("live", "ended")}
        tally.events += 1
        tally.lost += bool(ended and not found["ended"]) or bool(started and not ended and not found["live"])
        for name, due in (("live", start), ("ended", end)):
            ids = {arrival.id for arrival in found[name]}
            tally.effects += len(ids)
            tally.repeats += len(found[name]) - len(ids)
            tally.doubled += max(0, len(ids) - 1, len({arrival.body for arrival in found[name]}) - 1)
            tally.early += sum(due is None or arrival.at < due for arrival in found[name])
        if found["ended"]:
            first = {arrival.id: arrival for arrival in reversed(found["live"])}
            tally.misordered += any(arrival > found["ended"][0] for arrival in first.values())
    assert not by_event, f"announced without an event: {list(by_event)[:3]}"
    tally.lost += unfinished(owner, destination)
    tally.miscounted += miscounted(owner)


def miscounted(owner: psycopg.Connection) -> int:
    """The difference between the counter and the deliveries, none of which has been pruned or announced anew."""
    row = owner.execute(
        "WITH counted AS (SELECT outcome, sum(n) AS n FROM hivetalk_scheduler.counter GROUP BY outcome), "
        "there AS (SELECT state AS outcome, count(*) AS n FROM hivetalk_scheduler.delivery "
        "          WHERE state <> 'pending' AND NOT test GROUP BY state "
        "          UNION ALL SELECT 'caught', count(*) FROM hivetalk_scheduler.delivery "
        "                     WHERE transition <> 'refresh') "
        "SELECT coalesce(sum(abs(coalesce(c.n, 0) - coalesce(t.n, 0))), 0) "
        "FROM counted AS c FULL JOIN there AS t USING (outcome) WHERE outcome <> 'retried'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def unfinished(owner: psycopg.Connection, destination: str) -> int:
    """Deliveries of what is past that have no end state, or one that nothing in these proofs calls for."""
    row = owner.execute(
        "SELECT count(*) FROM hivetalk_scheduler.delivery WHERE destination = %s AND due_at <= now() "
        "AND state NOT IN ('delivered', 'superseded')",
        [destination],
    ).fetchone()
    assert row is not None
    return int(row[0])


def lapse(owner: psycopg.Connection) -> None:
    """As if the time of leases, retries and rests had gone by."""
    owner.execute("UPDATE hivetalk_scheduler.destination SET probe_at = NULL, failures = 0")
    owner.execute(
        "UPDATE hivetalk_scheduler.delivery SET next_at = now() "
        "WHERE state = 'pending' AND due_at <= now() AND next_at > now()"
    )
