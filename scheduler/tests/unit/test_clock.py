"""The database's clock, carried by the host."""

import pytest

from hivetalk_scheduler import clock
from hivetalk_scheduler.clock import Clock


def test_the_hosts_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour wrong, or jumping during a run."""
    database = Clock()
    mono = clock.monotonic()
    database.sync(1_000_000_000_000_000, mono, mono)
    before = database.now()
    monkeypatch.setattr("time.time", lambda: 3_600.0)
    assert 0 <= database.now() - before < 5_000_000


def test_what_every_answer_leaves_counts() -> None:
    database = Clock()
    now = clock.monotonic()
    database.sync(5_000_000_000, now - 0.001, now + 0.001)
    exact = database.now()
    database.sync(5_000_000_000, now - 1, now + 1)  # says no more than the first
    assert abs(database.now() - exact) < 100_000 and database.doubt < 0.01
    database.sync(5_000_000_000, now, now + 0.002)  # and this one is of its earlier half
    assert database.doubt < 0.0006


def test_a_step_of_the_databases_clock_is_followed() -> None:
    database = Clock()
    now = clock.monotonic()
    database.sync(5_000_000_000, now - 0.001, now + 0.001)
    database.sync(9_000_000_000, now - 0.001, now + 0.001)
    assert abs(database.now() - 9_000_000_000) < 1_000_000


def test_an_old_answer_says_less_and_less() -> None:
    database = Clock()
    now = clock.monotonic()
    database.sync(5_000_000_000, now - 1000, now - 1000)
    database.sync(6_000_100_000, now, now)  # the database's clock has gone 0.1 s wrong in 1000 s
    assert abs(database.now() - 6_000_100_000) < 100_000


def test_the_offset_of_the_host_is_measured() -> None:
    database = Clock()
    now = clock.monotonic()
    database.sync(round((clock.host() - 3600) * 1e6), now, now)
    assert 3599 < database.host_offset() < 3601
