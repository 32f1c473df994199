"""While a run holds: what waits, or what was slow, delays no other event."""

import statistics
import time
from collections.abc import Collection
from typing import Any

import psycopg
import pytest

from hivetalk_scheduler.claims import Claims
from hivetalk_scheduler.delivery import Delivery
from hivetalk_scheduler.run import run
from hivetalk_scheduler.store import Store
from tests.integration.application import add_event, installed_long_ago
from tests.integration.host import config

INTERVAL = 6
HOLD: dict[str, Any] = {"hold": True, "interval": INTERVAL, "jitter": 0, "accuracy": 0.1}


def after_a_tick() -> None:
    """So that a run that starts now holds for nearly the whole interval."""
    time.sleep(INTERVAL - time.time() % INTERVAL + 0.01)


def lateness(owner: psycopg.Connection, name: str) -> list[float]:
    """Seconds, of each delivery to the journal of the events of that name."""
    rows = owner.execute(
        "SELECT extract(epoch FROM fired_at - due_at)::float8 FROM hivetalk_scheduler.delivery AS d"
        " JOIN events AS e ON e.id::text = d.event_id WHERE e.name = %s AND destination = 'journal:'",
        [name],
    )
    return [row[0] for row in rows.fetchall()]


@pytest.mark.parametrize("number", [1, 600])
def test_what_waits_for_its_next_attempt_delays_no_other_event(
    url: str, owner: psycopg.Connection, number: int
) -> None:
    """It comes first by its due time, and last by its next attempt; 600 are more than a batch."""
    installed_long_ago(owner, "journal:")
    after_a_tick()
    for index in range(5):
        add_event(owner, 2 + 0.4 * index, 3600, name="next")
    owner.execute(
        "WITH tried AS (INSERT INTO events (name, start_time, end_time) SELECT 'tried', t, t + interval '1 h'"
        " FROM generate_series(1, %s), (SELECT now() - interval '10 min' AS t) AS x RETURNING id, start_time)"
        " INSERT INTO hivetalk_scheduler.delivery"
        " (event_id, test, transition, due_at, destination, next_at, attempts)"
        " SELECT id::text, false, 'live', start_time, 'journal:', now() + interval '5 s', 1 FROM tried",
        [number],
    )
    run(config(url, **HOLD))
    assert len(lateness(owner, "tried")) == number
    assert statistics.median(lateness(owner, "next")) < 0.2, lateness(owner, "next")


def test_a_slow_first_look_does_not_delay_what_is_written_next(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes over a day, and may meet a cold cache; the looks that follow do not."""
    slow = [0.8]
    look, start_run = Store.look, Store.start_run

    def looked(store: Store, *arguments: Any) -> Any:
        time.sleep(slow.pop() if slow else 0)
        return look(store, *arguments)

    def started(store: Store, *arguments: Any, **fields: Any) -> None:
        start_run(store, *arguments, **fields)
        add_event(owner, 3, 3600, name="written next")

    monkeypatch.setattr(Store, "look", looked)
    monkeypatch.setattr(Store, "start_run", started)
    installed_long_ago(owner, "journal:")
    after_a_tick()
    add_event(owner, 5, 3600)  # so that the run holds
    run(config(url, **HOLD))
    assert len(found := lateness(owner, "written next")) == 1
    assert found[0] < 1


def test_beside_a_destination_that_rests_what_is_due_is_claimed_and_not_asked_for_again_and_again(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ahead, take = Store.ahead, Claims.take

    def count(store: Store, until: int, *arguments: Any, **named: Any) -> list[Delivery]:
        asked.append(until)
        return ahead(store, until, *arguments, **named)

    def slow(claims: Claims, limit: int, busy: Collection[str], run_up: float = 0) -> Any:
        found = take(claims, limit, busy, run_up)
        time.sleep(0.02 if busy and not found[1] else 0)  # much waits for the one that rests
        return found

    monkeypatch.setattr(Store, "ahead", count)
    monkeypatch.setattr(Claims, "take", slow)
    refused = "http://127.0.0.1:9/hook"
    installed_long_ago(owner, "journal:", refused)
    after_a_tick()
    for _ in range(4):
        add_event(owner, -1, 3600)
    for index in range(20):
        add_event(owner, 2 + 0.055 * index, 3600, name="next")
    run(config(url, destinations=("journal:", refused), **HOLD))
    assert len(lateness(owner, "next")) == 20
    assert len(asked) < 150, len(asked)
