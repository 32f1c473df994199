"""SIGKILL at every step boundary of a run, and at random instants: nothing lost, doubled or early."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.counting_relay import NSEC, counting_relay
from tests.faults.effects import Arrival, Tally, audit, lapse, of_webhook
from tests.faults.mortal import KILLED, Ended, Mortal, mortal_host
from tests.integration.receiver import Receiver

EVENTS = """
INSERT INTO events (id, identifier, name, start_time, end_time)
SELECT id, id::text, n::text,
       t + make_interval(secs => CASE WHEN n %% 2 = 0 THEN %(ahead)s ELSE 0 END - n / 1000.0),
       CASE n %% 4 WHEN 0 THEN NULL WHEN 1 THEN t + interval '1 h' WHEN 2 THEN t + interval '1 h'
                   ELSE t + make_interval(secs => %(ahead)s) END
  FROM clock_timestamp() AS t, (SELECT n, gen_random_uuid() AS id FROM generate_series(1, %(count)s) AS n) AS e
"""
"""A quarter runs, a quarter ends in `ahead` seconds, half of them begin in `ahead` seconds."""
ENOUGH = 3
"""Runs in a row that outlive the boundary at which they were to die: one passes a few more, or fewer, than another."""
Settings = dict[str, Any]
Arrivals = Callable[[], list[Arrival]]


@contextlib.contextmanager
def receiving(kind: str, url: str) -> Iterator[tuple[Settings, str, Arrivals]]:
    """A receiver of that kind; yields settings that send to it, its name, and what arrived."""
    settings: Settings = {
        "database_url": url,
        "hold": False,
        "concurrency": 2,
        "secrets": {"nostr_nsec": NSEC},
    }
    if kind == "webhook":
        with Receiver() as receiver:
            yield {**settings, "destinations": [receiver.url]}, receiver.url, lambda: of_webhook(receiver)
    else:
        with counting_relay() as relay:
            yield {**settings, "destinations": [relay.url]}, relay.url, lambda: relay.arrivals


def settle(host: Mortal, owner: psycopg.Connection, config: Settings, tally: Tally) -> None:
    """What the next ticks do, once leases have lapsed; nobody kills them."""
    for _ in range(3):
        lapse(owner)
        assert host.run({**config, "hold": False}).status == 0
        tally.runs += 1
        row = owner.execute(
            "SELECT count(*) FROM hivetalk_scheduler.delivery WHERE state = 'pending' AND due_at <= now()"
        ).fetchone()
        if row == (0,):
            return


class Killer:
    """Kills one run after another, each with events of its own, and has the next ticks mend it."""

    def __init__(
        self, host: Mortal, owner: psycopg.Connection, config: Settings, count: int, ahead: float
    ) -> None:
        self._host, self._owner, self._config = host, owner, config
        self._batch = {"count": count, "ahead": ahead}
        self.tally = Tally()
        self.killed_at: set[str] = set()
        host.run(config)  # the first run of all is another one than those that follow

    def run(self, settings: Settings | None = None, **when: Any) -> Ended:
        """One run, with `settings` on top, that is killed at `when`, unless it ends before, and its mending."""
        began = time.monotonic()
        self._owner.execute(EVENTS, self._batch)
        ended = self._host.run({**self._config, **(settings or {})}, **when)
        assert ended.status in (0, KILLED)
        self.tally.runs += 1
        if ended.status == KILLED:
            self.tally.killed += 1
            self.killed_at.update(ended.boundaries[-1:])
        time.sleep(max(0.0, began + self._batch["ahead"] + 0.01 - time.monotonic()))
        settle(self._host, self._owner, self._config, self.tally)
        return ended


@pytest.mark.parametrize("kind", ["webhook", "relay"])
def test_at_every_boundary(url: str, owner: psycopg.Connection, journal: Path, kind: str) -> None:
    """Of a run that finds everything overdue: at its first boundary, at its second, and so on."""
    with receiving(kind, url) as (config, name, arrivals), mortal_host(journal) as host:
        killer = Killer(host, owner, config, count=8, ahead=-0.001)
        reference = killer.run()
        boundary = outlived = 0
        while outlived < ENOUGH:
            boundary += 1
            outlived = 0 if killer.run(kill_at=boundary).status == KILLED else outlived + 1
        for kind_of_boundary in sorted(set(reference.boundaries) - killer.killed_at):
            killer.run(kill_on=kind_of_boundary)
        audit(owner, killer.tally, arrivals(), name)
    print(f"proof: SIGKILL at every boundary, {kind}: {killer.tally}")
    assert killer.tally.sound()
    assert set(reference.boundaries) <= killer.killed_at
    # A run on a busy machine passes more of them, since answers are recorded in smaller parts.
    assert killer.tally.killed > 0.6 * len(reference.boundaries) > 60


def test_at_every_kind_of_boundary_of_a_run_that_holds(
    url: str, owner: psycopg.Connection, journal: Path
) -> None:
    """Half of the events begin while it holds; killed before that, none may have been sent."""
    hold = {"hold": True, "on_calendar": "minutely", "interval": 1, "jitter": 0, "accuracy": 0.1}
    with receiving("relay", url) as (config, name, arrivals), mortal_host(journal) as host:
        killer = Killer(host, owner, {**config, **hold}, count=8, ahead=0.3)
        long = {"interval": 3}  # a hold of under 2 s has no second catch
        reference = killer.run(long)
        for boundary in sorted(set(reference.boundaries)):
            settings = long if "_recatch" in boundary else None
            any(killer.run(settings, kill_on=boundary).status == KILLED for _ in range(8))
        audit(owner, killer.tally, arrivals(), name)
    print(f"proof: SIGKILL at every kind of boundary of a run that holds: {killer.tally}")
    assert killer.tally.sound()
    assert set(reference.boundaries) <= killer.killed_at


KILLS = 200


@pytest.mark.parametrize("kind", ["webhook", "relay"])
def test_at_random_instants(
    url: str, owner: psycopg.Connection, journal: Path, chance: random.Random, kind: str
) -> None:
    """One killed run after the other, on what the ones before have left."""
    tally = Tally()
    with receiving(kind, url) as (config, name, arrivals), mortal_host(journal) as host:
        host.run(config)
        owner.execute(EVENTS, {"count": 14, "ahead": 0})
        began = time.monotonic()
        host.run(config)
        lasts = time.monotonic() - began
        while tally.killed < KILLS:
            owner.execute(EVENTS, {"count": 14, "ahead": chance.uniform(0, lasts)})
            ended = host.run(config, kill_after=chance.uniform(0, 1.2 * lasts))
            tally.runs += 1
            tally.killed += ended.status == KILLED
            if chance.random() < 0.3:
                lapse(owner)
        time.sleep(lasts)
        settle(host, owner, config, tally)
        audit(owner, tally, arrivals(), name)
    print(f"proof: SIGKILL at random instants, {kind}: {tally}")
    assert tally.sound()
