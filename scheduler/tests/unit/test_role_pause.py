"""When a pause ends (end.py), and how the fleet is shown (table.py)."""

from datetime import UTC, datetime

import pytest

from .test_role_release import script

end, table = script("end"), script("table")
NOW = datetime(2026, 11, 23, 17, 0, 0, 250_000, UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90min", "2026-11-23 18:30:00"),
        ("2h", "2026-11-23 19:00:00"),
        ("3d", "2026-11-26 17:00:00"),
        ("45s", "2026-11-23 17:00:45"),
        ("2026-11-24 08:00", "2026-11-24 08:00:00"),
        ("2026-11-24", "2026-11-24 00:00:00"),
        ("2026-11-24T08:00:30Z", "2026-11-24 08:00:30"),
        ("2026-11-24T09:00+01:00", "2026-11-24 08:00:00"),
    ],
)
def test_an_end_is_a_span_or_a_time_in_utc(text: str, meant: str) -> None:
    assert f"{end.end(text, NOW):%Y-%m-%d %H:%M:%S}" == meant


@pytest.mark.parametrize(
    "text", ["", "soon", "2", "-2h", "2 h", "08:00", "2026-13-40", "2h\nOnCalendar=*:*", "tomorrow"]
)
def test_what_is_no_end_is_refused_with_the_mend(text: str) -> None:
    with pytest.raises(ValueError, match=r"that is no time; give a time such as .* 90min"):
        end.end(text, NOW)


@pytest.mark.parametrize("text", ["0s", "2026-11-23 17:00", "2026-11-23T18:00+01:00", "1999-01-01"])
def test_an_end_that_is_over_is_refused_with_the_time_it_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"that is over, it is 2026-11-23 17:00:00 UTC; give"):
        end.end(text, NOW)


STATE = {
    "release": "0.1.0-abc",
    "timer": "active",
    "last": "Mon 2026-11-23 17:00:05 UTC",
    "result": "",
    "working": False,
    "next": "Mon 2026-11-23 17:01:00 UTC",
    "paused": None,
    "verdict": {"word": "OK", "why": "fine", "pending": "3", "overdue": "1", "dead": "0"},
}
PAUSED = {"until": "2026-11-23 18:00:00 UTC", "reason": "why", "by": "ada on lovelace", "since": ""}


@pytest.mark.parametrize(
    ("state", "cells"),
    [
        ({}, ["h", "OK", "0.1.0-abc", "active", "2026-11-23 17:00:05", "17:01:00", "3", "1", "0", ""]),
        ({"working": True, "next": ""}, ["at work"]),
        ({"last": "", "next": "n/a"}, ["active", "-"]),
        ({"paused": PAUSED, "timer": "inactive, disabled"}, ["paused"]),
        # Somebody has started it by hand: the pause is not what is the case.
        ({"paused": PAUSED}, ["active", "paused until 2026-11-23 18:00:00 UTC: why (ada on lovelace)"]),
        ({"result": "exit-code 69"}, ["the last run failed: exit-code 69"]),
        ({"verdict": {"word": "CRITICAL", "why": "no database"}}, ["CRITICAL", "?", "?", "?", "no database"]),
    ],
)
def test_a_host_is_a_row(state: dict[str, object], cells: list[str]) -> None:
    row = table.row({"name": "h", "state": STATE | state, "problem": ""})
    assert [cell for cell in row if cell in cells] == cells and len(row) == len(table.HEAD)


def test_a_host_that_says_nothing_is_a_row_with_the_reason() -> None:
    row = table.row({"name": "h", "state": None, "problem": "Traceback\n  line\nOSError: no systemd\n"})
    assert row == ["h", *["-"] * 8, "OSError: no systemd"]


def test_the_columns_are_aligned_and_no_cell_breaks_out_of_its_line() -> None:
    lines = table.table([["h" * 30, *"abcdefgh", "\x1b[2J\nx"], list("1234567890")]).splitlines()
    assert len(lines) == 3
    assert {line.index(cell) for line, cell in zip(lines, ("IS", "a", "2"), strict=True)} == {32}
    assert lines[1].endswith(" [2J x") and lines[1].isprintable()
