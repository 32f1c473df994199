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


def test_the_sample_with_the_shortest_round_trip_counts() -> None:
    database = Clock()
    now = clock.monotonic()
    database.sync(5_000_000_000, now - 0.001, now + 0.001)
    exact = database.now()
    database.sync(9_000_000_000, now - 1, now + 1)
    assert abs(database.now() - exact) < 1_000_000


def test_an_old_sample_is_replaced_so_that_a_correction_is_followed() -> None:
    database = Clock()
    now = clock.monotonic()
    database.sync(5_000_000_000, now - 20, now - 20)
    database.sync(9_000_000_000, now - 1, now + 1)
    assert database.now() >= 9_000_000_000


def test_the_offset_of_the_host_is_measured() -> None:
    database = Clock()
    now = clock.monotonic()
    database.sync(round((clock.host() - 3600) * 1e6), now, now)
    assert 3599 < database.host_offset() < 3601
