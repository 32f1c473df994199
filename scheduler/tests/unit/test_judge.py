"""What becomes of a claimed delivery."""

import pytest

from hivetalk_scheduler.event import SECOND, Event
from hivetalk_scheduler.judge import judge, sound_end

START, END = 1_000 * SECOND, 4_600 * SECOND
EVENT = Event("1", "Name", "", "", START, END, "d", "room", None, None, None, cancelled=False)
DAY = 86_400


def state(event: Event | None, transition: str, due_at: int, now: int) -> str | None:
    verdict = judge(event, transition, due_at, now, DAY)  # type: ignore[arg-type]  # a literal
    return verdict and verdict.state


def test_what_is_due_and_unchanged_is_sent() -> None:
    assert state(EVENT, "live", START, START) is None
    assert state(EVENT, "ended", END, END) is None


def test_a_deleted_or_cancelled_event_is_cancelled() -> None:
    assert state(None, "live", START, START) == "cancelled"
    assert state(EVENT._replace(cancelled=True), "live", START, START) == "cancelled"


@pytest.mark.parametrize("moved", [START - SECOND, START + SECOND, None])
def test_a_moved_start_is_superseded(moved: int | None) -> None:
    assert state(EVENT._replace(starts_at=moved), "live", START, START) == "superseded"


@pytest.mark.parametrize("moved", [END - SECOND, END + SECOND, None])
def test_a_moved_end_is_superseded(moved: int | None) -> None:
    assert state(EVENT._replace(ends_at=moved), "ended", END, END) == "superseded"


def test_live_is_never_sent_once_the_end_is_due() -> None:
    assert state(EVENT, "live", START, END - 1) is None
    assert state(EVENT, "live", START, END) == "superseded"
    assert state(EVENT._replace(ends_at=START), "live", START, START) == "superseded"


def test_with_a_lead_live_is_not_sent_once_ended_may_have_been() -> None:
    assert judge(EVENT, "live", START, END - 60 * SECOND, DAY, lead=60) is not None
    assert judge(EVENT, "live", START, END - 60 * SECOND - 1, DAY, lead=60) is None


def test_more_than_max_lateness_is_expired() -> None:
    late = START + DAY * SECOND
    endless = EVENT._replace(ends_at=None)
    assert state(endless, "live", START, late) is None
    assert state(endless, "live", START, late + 1) == "expired"


def test_an_end_before_the_start_is_no_end() -> None:
    reversed_ = EVENT._replace(ends_at=START - 1)
    assert sound_end(reversed_) is None
    assert state(reversed_, "live", START, START) is None
    assert state(reversed_, "ended", START - 1, START) == "superseded"
