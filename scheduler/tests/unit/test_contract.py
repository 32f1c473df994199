"""The contract's sentences, with its own times: an event at 12:00:00, a run every minute, ±2 minutes."""

from datetime import UTC, datetime

import pytest

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.window import bounds, hold_end

CONFIG = Config()


def at(time: str) -> int:
    """A time of day, in microseconds since the epoch."""
    return round(datetime.fromisoformat(f"2026-11-23T{time}").replace(tzinfo=UTC).timestamp() * SECOND)


NOON = at("12:00:00")
ORIGIN = at("00:00:00")


def sees(run_at: str, caught_to: str | None = None) -> bool:
    """Whether the run's window holds the event at 12:00:00; the run before it was a minute ago."""
    now = at(run_at)
    lower, upper = bounds(now, ORIGIN, at(caught_to) if caught_to else now - 60 * SECOND, CONFIG, late=False)
    return lower < NOON <= upper


def test_defaults_are_the_contract() -> None:
    assert (CONFIG.interval, CONFIG.jitter, CONFIG.accuracy, CONFIG.timeout) == (60, 5, 1, 180)
    assert (CONFIG.window_behind, CONFIG.window_ahead) == (120, 120)
    assert CONFIG.batch_size >= 50


@pytest.mark.parametrize(
    ("run_at", "window"),
    [
        ("11:58:00", ("11:55:00", "12:00:00")),
        ("11:59:00", ("11:56:00", "12:01:00")),
        ("12:00:00", ("11:57:00", "12:02:00")),
        ("12:01:00", ("11:58:00", "12:03:00")),
    ],
)
def test_each_run_looks_2_minutes_around_the_last_run_and_now(run_at: str, window: tuple[str, str]) -> None:
    """Two minutes ahead of now, and two behind the run before, which is what closes every hole."""
    now = at(run_at)
    assert bounds(now, ORIGIN, now - 60 * SECOND, CONFIG, late=False) == (at(window[0]), at(window[1]))


@pytest.mark.parametrize("run_at", ["11:58:00", "11:59:00", "12:00:00", "12:01:00"])
def test_an_event_at_noon_has_four_chances(run_at: str) -> None:
    assert sees(run_at)
    # Each of them by itself, even if the runs since then had moved the watermark on to now.
    assert sees(run_at, caught_to=run_at)


@pytest.mark.parametrize("run_at", ["11:57:00", "12:03:00"])
def test_nothing_is_seen_outside_of_the_window(run_at: str) -> None:
    assert not sees(run_at, caught_to=run_at)


def test_the_four_chances_are_exactly_four() -> None:
    minutes = [
        f"{h}:{m:02d}:00" for h, m in [(11, 56), (11, 57), (11, 58), (11, 59)] + [(12, m) for m in range(6)]
    ]
    assert [t for t in minutes if sees(t, caught_to=t)] == ["11:58:00", "11:59:00", "12:00:00", "12:01:00"]


def test_a_failure_of_just_under_3_minutes_costs_nothing() -> None:
    """Down from after the run at 11:57:00 to 11:59:59: three runs are lost, and the next one has the event."""
    assert sees("12:00:00", caught_to="11:57:00")
    # The event's own time inside the failure: down from 11:58:30 until 12:01:29.
    assert sees("12:02:00", caught_to="11:58:00")


@pytest.mark.parametrize("minutes", [1, 10, 60, 60 * 11])
def test_a_failure_of_any_length_leaves_no_hole(minutes: int) -> None:
    """The watermark: the first run after an outage begins where the last one before it looked."""
    last, now = NOON - 60 * SECOND, NOON - 60 * SECOND + minutes * 60 * SECOND
    lower, upper = bounds(now, ORIGIN, last, CONFIG, late=False)
    assert lower < last and lower < NOON <= upper


def test_a_first_installation_looks_back_no_further_than_the_window() -> None:
    assert bounds(NOON, None, None, CONFIG, late=True) == (at("11:58:00"), at("12:02:00"))
    # Nor does any later run, however far it may look for rows that were written late.
    later = at("13:00:00")
    assert bounds(later, at("11:58:00"), later, CONFIG, late=True)[0] == at("11:58:00")


def test_a_row_written_late_is_looked_for_as_far_as_max_lateness() -> None:
    lower, _ = bounds(NOON, NOON - 40 * 86_400 * SECOND, NOON, CONFIG, late=True)
    assert lower == NOON - (CONFIG.max_lateness + CONFIG.window_behind) * SECOND


@pytest.mark.parametrize("started", ["12:00:00.030", "12:00:04.900", "12:00:06.380", "12:00:59.999"])
def test_a_holding_run_ends_after_the_next_tick_and_between_whole_seconds(started: str) -> None:
    """Tick 12:01:00, 5 s of jitter, 1 s of accuracy: by 12:01:06 it has surely elapsed."""
    now = at(started)
    end = hold_end(now, now / SECOND, CONFIG)
    assert at("12:01:06") < end <= at("12:01:07.500")
    assert 0.3 <= end % SECOND / SECOND <= 0.4


def test_a_holding_run_stays_inside_the_timeout() -> None:
    for second in range(60):
        now = NOON + second * SECOND
        assert (hold_end(now, now / SECOND, CONFIG) - now) / SECOND < CONFIG.timeout / 2


def test_a_hold_lasts_a_whole_interval_where_only_systemd_knows_the_next_tick() -> None:
    config = Config(on_calendar="Mon..Fri *:0/5", interval=300, timeout=400, window_ahead=400)
    assert hold_end(NOON, NOON / SECOND, config) >= NOON + 306 * SECOND
