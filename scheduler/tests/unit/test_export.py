"""Writing iCalendar: valid for others, and the same again when it is read back."""

from typing import Any

import vobject
from hypothesis import given, settings
from hypothesis import strategies as st

from hivetalk_scheduler import ics
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.export import written
from hivetalk_scheduler.reconcile import reconcile

NOW = 1_790_000_000 * SECOND
UNTIL = NOW + 90 * 86_400 * SECOND
TEXT = (
    st.none()
    | st.text(max_size=60)
    | st.sampled_from(["a,b;c\\d", "l\r\nm\rn", "x" * 200, ":", '"', "  ", "\u202e"])
)
ROW = st.fixed_dictionaries(
    {
        "name": TEXT,
        "description": TEXT,
        "room_name": TEXT,
        "starts_at": st.integers(NOW + SECOND, UNTIL),
        "lasts": st.none() | st.integers(-SECOND, 3 * 86_400 * SECOND),
        "cancelled": st.booleans(),
        "identifier": st.none() | st.just("own"),
    }
)


def rows(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**row, "event_id": f"{n}", "id": f"{n}", "ends_at": row["lasts"] and row["starts_at"] + row["lasts"]}
        for n, row in enumerate(found)
    ]


@settings(max_examples=80, deadline=None)
@given(st.lists(ROW, max_size=4))
def test_what_is_exported_is_imported_without_any_change(found: list[dict[str, Any]]) -> None:
    given_rows = rows(found)
    reading = ics.read(written(given_rows, NOW), NOW, UNTIL)
    assert reading.problems == []
    plan = reconcile("back", reading.meetings, set(), given_rows, NOW, UNTIL, set())
    assert (plan.changes, plan.unchanged) == ([], len(given_rows))


@settings(max_examples=80, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=3))
def test_another_parser_reads_it_and_finds_it_valid(found: list[dict[str, Any]]) -> None:
    given_rows = rows(found)
    calendar = vobject.readOne(written(given_rows, NOW).decode())
    assert calendar.validate()
    for row, event in zip(given_rows, calendar.vevent_list, strict=True):
        assert round(event.dtstart.value.timestamp()) == row["starts_at"] // SECOND
        assert event.uid.value == f"{row['event_id']}@hivetalk-scheduler"
        assert event.status.value == ("CANCELLED" if row["cancelled"] else "CONFIRMED")


def test_lines_end_and_fold_as_the_standard_has_it() -> None:
    row = {"event_id": "7", "name": "n" * 300, "description": "a\nb", "room_name": None, "cancelled": False}
    data = written([{**row, "starts_at": NOW, "ends_at": NOW + SECOND}], NOW)
    assert data.count(b"\n") == data.count(b"\r\n") and max(map(len, data.split(b"\r\n"))) <= 75
    assert b"DESCRIPTION:a\\nb\r\n" in data


def test_no_control_character_is_written() -> None:
    row = {
        "event_id": "7",
        "name": "a\0\x1b[2J\x7fb",
        "description": None,
        "room_name": None,
        "cancelled": False,
    }
    data = written([{**row, "starts_at": NOW, "ends_at": None}], NOW).decode()
    assert "SUMMARY:a\ufffd\ufffd[2J\ufffdb" in data
