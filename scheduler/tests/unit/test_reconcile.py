"""What an import changes, and what it leaves: rows and a calendar in, a plan out."""

from typing import Any

import pytest

from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.meeting import Meeting, identifier, kept_by, prefix, within
from hivetalk_scheduler.reconcile import Plan, reconcile

HOUR = 3600 * SECOND
NOW = 1_000_000 * HOUR
UNTIL = NOW + 100 * HOUR


def meeting(uid: str = "u", starts: int = 5, recurrence: str = "", **other: Any) -> Meeting:
    """`starts`: hours from now."""
    at = NOW + starts * HOUR
    return Meeting(**{
        "uid": uid, "recurrence": recurrence, "name": "n", "description": "", "location": "", "starts_at": at,
        "ends_at": at + HOUR, "cancelled": False, **other,
    })  # fmt: skip


def row(of: Meeting, calendar: str = "c", **other: Any) -> dict[str, Any]:
    return {
        "id": f"id-{of.uid}", "name": of.name, "description": None, "starts_at": of.starts_at, "ends_at": of.ends_at,
        "room_name": None, "identifier": identifier(calendar, of.uid, of.recurrence), "cancelled": False, **other,
    }  # fmt: skip


def plan(
    meetings: list[Meeting], rows: list[dict[str, Any]], broken: set[str | None] | None = None, **other: Any
) -> Plan:
    return reconcile("c", meetings, broken or set(), rows, NOW, UNTIL, **{"rooms": {"tea"}, **other})


def verbs(found: Plan) -> list[str]:
    return [change.verb for change in found.changes]


def test_what_is_new_is_added_what_is_there_is_not() -> None:
    assert verbs(plan([meeting("a"), meeting("b")], [row(meeting("a"))])) == ["add"]
    again = plan([meeting("a")], [row(meeting("a"))])
    assert (again.changes, again.unchanged) == ([], 1)


@pytest.mark.parametrize(
    ("other", "columns"),
    [
        ({"starts_at": NOW + 7 * HOUR, "ends_at": NOW + 8 * HOUR}, {"start_time", "end_time", "status"}),
        ({"name": "other"}, {"name"}),
        ({"description": "other"}, {"description"}),
        ({"location": "tea"}, {"room_name"}),
        ({"ends_at": NOW + 9 * HOUR}, {"end_time"}),
    ],
)
def test_what_differs_and_nothing_else_is_written(other: dict[str, Any], columns: set[str]) -> None:
    (change,) = plan([meeting(**other)], [row(meeting())]).changes
    assert (change.verb, change.id, set(change.values)) == ("change", "id-u", columns)


def test_a_microsecond_is_no_difference() -> None:
    have = row(meeting(), starts_at=meeting().starts_at + 5, ends_at=NOW + 6 * HOUR + 7)
    assert plan([meeting()], [have]).changes == []


def test_what_the_calendar_no_longer_holds_is_cancelled() -> None:
    (change,) = plan([], [row(meeting())]).changes
    assert (change.verb, change.values) == ("cancel", {"status": "cancelled"})


@pytest.mark.parametrize("starts", [-50, -1, 0, 101])
def test_but_not_what_has_begun_nor_what_lies_beyond_the_horizon(starts: int) -> None:
    assert plan([], [row(meeting(starts=starts, ends_at=NOW + 500 * HOUR))]).changes == []


def test_nor_what_was_cancelled_already_nor_another_calendars_nor_the_applications() -> None:
    rows = [
        row(meeting("a"), cancelled=True),
        row(meeting("b"), calendar="d"),
        row(meeting("c"), identifier="own-one"),
        row(meeting("d"), identifier=None),
    ]
    assert plan([], rows).changes == []


def test_nor_what_could_not_be_read() -> None:
    rows = [row(meeting("bad", recurrence="20261124T100000Z")), row(meeting("gone"))]
    assert [change.id for change in plan([], rows, {"bad"}).changes] == ["id-gone"]
    assert plan([], rows, {None}).changes == [], "of one without UID nobody knows which"


def test_what_comes_back_is_planned_again() -> None:
    (change,) = plan([meeting()], [row(meeting(), cancelled=True)]).changes
    assert (change.verb, change.values) == ("change", {"status": "planned"})


def test_a_cancelled_meeting_is_cancelled_before_it_begins_and_ended_while_it_runs() -> None:
    cancelled = meeting(cancelled=True)
    assert verbs(plan([cancelled], [])) == []
    assert verbs(plan([cancelled], [row(meeting())])) == ["cancel"]
    assert verbs(plan([cancelled], [row(meeting(), cancelled=True)])) == []
    runs = meeting(starts=-1, ends_at=NOW + HOUR, cancelled=True)
    (change,) = plan([runs], [row(runs)]).changes
    assert (change.verb, change.values) == ("end", {"end_time": NOW})


def test_a_past_meeting_is_neither_added_nor_touched_unless_it_is_moved_to_come() -> None:
    past = meeting(starts=-5)
    assert (plan([past], []).changes, plan([past], []).past) == ([], 1)
    assert plan([past._replace(name="other")], [row(past)]).changes == []
    assert verbs(plan([meeting()], [row(past)])) == ["change"]


def test_a_running_meeting_is_added_and_extended() -> None:
    runs = meeting(starts=-1, ends_at=NOW + HOUR)
    assert verbs(plan([runs], [])) == ["add"]
    (change,) = plan([runs._replace(ends_at=NOW + 2 * HOUR)], [row(runs)]).changes
    assert change.values == {"end_time": NOW + 2 * HOUR}


def test_beyond_the_horizon_nothing_is_added_and_what_is_there_is_moved() -> None:
    far = meeting(starts=200)
    assert (plan([far], []).changes, plan([far], []).beyond) == ([], 1)
    assert verbs(plan([far], [row(meeting())])) == ["change"]


def test_a_meeting_without_end_is_left_and_said() -> None:
    assert verbs(plan([meeting(ends_at=None)], [])) == ["leave"]


def test_the_room_is_the_one_given_or_a_location_that_is_one() -> None:
    assert plan([meeting(location="tea")], []).changes[0].values["room_name"] == "tea"
    assert "room_name" not in plan([meeting(location="Kitchen")], []).changes[0].values
    assert plan([meeting(location="tea")], [], room="hall").changes[0].values["room_name"] == "hall"


def test_another_calendars_row_is_left_alone() -> None:
    """Two calendars hold the same meeting: it is there once, and the first keeps it."""
    there = row(meeting(), calendar="d")
    same = plan([meeting()], [there])
    assert (same.changes, same.unchanged) == ([], 1)
    assert verbs(plan([meeting(name="other")], [there])) == ["leave"]


def test_no_calendar_can_change_the_applications_own_row_by_its_exported_uid() -> None:
    exported = meeting("id-x@hivetalk-scheduler")
    there = row(meeting("x"), identifier="own")
    assert plan([exported], [there]).unchanged == 1
    for other in (exported._replace(name="owned"), exported._replace(cancelled=True)):
        (change,) = plan([other], [there]).changes
        assert (change.verb, change.values) == ("leave", {})
    assert verbs(plan([exported], [])) == ["add"], "restored where the row is gone"


def test_the_identifier_is_stable_and_says_nothing_of_the_calendar() -> None:
    one = identifier("https://example.org/secret.ics", "uid@example.org", "20261124T100000Z")
    assert one == identifier("https://example.org/secret.ics", "uid@example.org", "20261124T100000Z")
    assert "secret" not in one and "example" not in one
    assert kept_by(one) == prefix("https://example.org/secret.ics")
    assert within(one) == within(identifier("another", "uid@example.org", "20261124T100000Z"))
    assert kept_by("ics-and-then") is kept_by(None) is kept_by("") is None
