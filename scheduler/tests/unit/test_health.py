"""The verdict: a pure function of what the database knows."""

from typing import Any

import pytest

from hivetalk_scheduler import health
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import SECOND

NOW = 1_800_000_000 * SECOND
FINE = {
    "now": NOW, "started_at": NOW - 30 * SECOND, "finished_at": NOW - 31 * SECOND, "host": "one", "offset": 0.01,
    "pending": 3, "retrying": 0, "overdue": 0, "oldest": None, "dead": 0, "expired": 0, "resting": [],
}  # fmt: skip


def test_nothing_is_wrong_where_nothing_is_wrong() -> None:
    assert health.findings(FINE, Config()) == []


@pytest.mark.parametrize(
    ("facts", "level", "word"),
    [
        ({"started_at": None, "finished_at": None}, health.UNKNOWN, "no run yet"),
        ({"started_at": NOW - 200 * SECOND}, health.FAILING, "no run has begun for 200 s"),
        ({"finished_at": NOW - 400 * SECOND}, health.FAILING, "none has for 400 s"),
        ({"finished_at": None, "started_at": NOW - 190 * SECOND, "n": 1}, health.FAILING, "no run has begun"),
        ({"overdue": 2, "oldest": NOW - 90 * SECOND}, health.LATE, "2 overdue, the oldest for 90 s"),
        ({"overdue": 1, "oldest": NOW - 301 * SECOND}, health.FAILING, "1 overdue"),
        ({"dead": 4}, health.FAILING, "4 dead"),
        ({"expired": 5}, health.LATE, "5 expired"),
        ({"retrying": 6}, health.LATE, "6 being retried"),
        ({"resting": ["wss://one"]}, health.LATE, "wss://one rests"),
        ({"offset": -3600.0}, health.LATE, "one's clock is 3600.0 s behind"),
        ({"host": "\x1b[31m", "offset": 2.0}, health.LATE, "\\x1b[31m's clock"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(facts: dict[str, Any], level: int, word: str) -> None:
    (finding,) = health.findings({**FINE, **facts}, Config())
    assert finding.level == level and word in finding.what and finding.step


def test_a_first_run_that_still_holds_is_no_failure() -> None:
    facts = {**FINE, "finished_at": None, "started_at": NOW - 60 * SECOND}
    assert health.findings(facts, Config()) == []


def test_the_worst_comes_first() -> None:
    found = health.findings({**FINE, "expired": 1, "dead": 1, "retrying": 1}, Config())
    assert [finding.level for finding in found] == [health.FAILING, health.LATE, health.LATE]


def test_patience_goes_by_the_interval() -> None:
    facts = {**FINE, "started_at": NOW - 1000 * SECOND, "finished_at": NOW - 1001 * SECOND}
    assert health.findings(facts, Config())[0].level == health.FAILING
    assert health.findings(facts, Config(interval=900)) == []
