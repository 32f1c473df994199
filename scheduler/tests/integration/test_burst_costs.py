"""What a burst costs the database: counted, not timed."""

import time
from collections.abc import Collection, Sequence

import psycopg
import pytest

from hivetalk_scheduler import fire
from hivetalk_scheduler.claims import Claims
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.database import connect
from hivetalk_scheduler.delivery import Completion
from hivetalk_scheduler.lane import Ready
from hivetalk_scheduler.run import run
from hivetalk_scheduler.store import Store
from tests.integration.application import installed_long_ago
from tests.integration.host import config
from tests.integration.receiver import Receiver

NUMBER = 400


def due(owner: psycopg.Connection, url: str, number: int = NUMBER) -> None:
    installed_long_ago(owner, url)
    owner.execute(
        "INSERT INTO events (name, start_time) SELECT n::text, now() - interval '1 s' FROM generate_series(1, %s) AS n",
        [number],
    )


def test_a_claim_touches_no_index(url: str, owner: psycopg.Connection) -> None:
    """Its rows stay where they are found (heap-only tuples), which is half of what it would cost."""
    owner.execute(
        "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, next_at)"
        " SELECT gen_random_uuid()::text, false, 'live', t, 'journal:', t"
        " FROM generate_series(1, %s), (SELECT now() - interval '1 s' AS t) AS due",
        [NUMBER],
    )
    store = Store(connect(Config(database_url=url)), Clock())
    with store.transaction():
        assert len(store.claim("run", 50, NUMBER)) == NUMBER
        row = store.connection.execute(
            "SELECT pg_stat_get_xact_tuples_updated(o) AS all, pg_stat_get_xact_tuples_hot_updated(o) AS hot"
            " FROM CAST('hivetalk_scheduler.delivery'::regclass AS oid) AS o"
        ).fetchone()
    assert row is not None and row["all"] == NUMBER
    assert row["hot"] > 0.9 * NUMBER, row  # a page may have too little room for its last row


def test_what_the_application_shows_is_written_beside_the_row(url: str, owner: psycopg.Connection) -> None:
    """In the tables that the role makes: each meeting is written twice."""
    due(owner, "journal:")
    run(config(url))
    counted, until = (0, 0), time.monotonic() + 10
    while counted[0] < NUMBER and time.monotonic() < until:  # the run's session says so when it has ended
        time.sleep(0.05)
        counted = owner.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'events'"
        ).fetchone() or (0, 0)
    assert counted[0] == NUMBER
    assert counted[1] > 0.8 * NUMBER, counted


def test_in_a_burst_answers_are_recorded_many_at_a_time(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    complete = Claims.complete

    def count(claims: Claims, completions: Sequence[Completion], store: Store | None = None) -> None:
        batches.append(len(completions))
        complete(claims, completions, store)

    monkeypatch.setattr(Claims, "complete", count)
    monkeypatch.setattr(fire, "LINGER", 1.0)  # longer than any machine takes for a few of them
    with Receiver() as receiver:
        due(owner, receiver.url)
        run(config(url, receiver))
    assert sum(batches) == NUMBER
    assert batches[0] > 20, batches
    assert len(batches) < NUMBER / 4, batches


def test_a_few_answers_are_recorded_at_once(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fire, "LINGER", 60.0)
    with Receiver() as receiver:
        due(owner, receiver.url, number=fire.MANY // 2)
        began = time.monotonic()
        run(config(url, receiver))
    assert time.monotonic() - began < 50


def test_what_waits_for_a_busy_destination_is_not_read_at_each_of_its_answers(
    url: str, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_vain: list[float] = []
    take = Claims.take

    def count(
        claims: Claims, limit: int, busy: Collection[str], run_up: float = 0
    ) -> tuple[list[Ready], int]:
        began = time.monotonic()
        found = take(claims, limit, busy, run_up)
        if busy and not found[1]:
            time.sleep(0.02)  # of much that waits
            in_vain.append(time.monotonic() - began)
        return found

    monkeypatch.setattr(Claims, "take", count)
    monkeypatch.setattr(fire, "LINGER", 0.0)
    with Receiver(delay=0.02) as receiver:
        due(owner, receiver.url)
        began = time.monotonic()
        run(config(url, receiver, batch_size=50, concurrency=2))
        took = time.monotonic() - began
    assert len(receiver.received) == NUMBER
    # One in a tenth of a second, and the first of each time when the lane is full.
    assert in_vain
    assert sum(in_vain) < took / 3, (len(in_vain), sum(in_vain), took)
