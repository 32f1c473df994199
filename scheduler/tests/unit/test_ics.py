"""Reading iCalendar: what recurs, what was moved, what is broken, and what is hostile."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hivetalk_scheduler import ics, series
from hivetalk_scheduler.errors import DataError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
UNTIL = datetime(2027, 2, 1, tzinfo=UTC)
BASE = "UID:a\nDTSTAMP:20261101T000000Z\nSUMMARY:x\n"
ZONE = (
    "BEGIN:VTIMEZONE\nTZID:{}\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:{}\nTZOFFSETTO:{}\n"
    "TZNAME:X\nEND:STANDARD\nEND:VTIMEZONE\n"
)


def micro(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


def calendar(*events: str, head: str = "") -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n{head}{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def read(data: bytes, zone: str | None = None) -> ics.Reading:
    return ics.read(data, micro(NOW), micro(UNTIL), ZoneInfo(zone) if zone else None)


def spans(data: bytes, zone: str | None = None) -> list[str]:
    """Each meeting as its recurrence, start and end in UTC, with a * if it is cancelled."""
    found = read(data, zone)
    assert found.problems == []
    shown = []
    for m in found.meetings:
        ends = "-" if m.ends_at is None else f"{EPOCH + timedelta(microseconds=m.ends_at):%dT%H:%M}"
        starts = f"{EPOCH + timedelta(microseconds=m.starts_at):%Y-%m-%dT%H:%M}"
        shown.append(f"{m.recurrence} {starts} {ends}{'*' if m.cancelled else ''}".strip())
    return shown


def why(data: bytes) -> str:
    (problem,) = read(data).problems
    return problem.why


@pytest.mark.parametrize(
    ("lines", "span"),
    {
        "DTSTART:20261124T150000Z\nDTEND:20261124T160000Z": "2026-11-24T15:00 24T16:00",
        "DTSTART:20261124T150000Z\nDURATION:PT45M": "2026-11-24T15:00 24T15:45",
        "DTSTART;TZID=Europe/Berlin:20261124T150000\nDURATION:PT1H": "2026-11-24T14:00 24T15:00",
        "DTSTART;TZID=W. Europe Standard Time:20261124T150000\nDURATION:PT1H": "2026-11-24T14:00 24T15:00",
        "DTSTART;VALUE=DATE:20261124": "2026-11-24T00:00 25T00:00",
        "DTSTART;VALUE=DATE:20261124\nDTEND;VALUE=DATE:20261126": "2026-11-24T00:00 26T00:00",
        "DTSTART:20261124T150000Z": "2026-11-24T15:00 -",
        "DTSTART:20261124T150000\nDURATION:PT1H": "2026-11-24T15:00 24T16:00",
        # An hour that the clocks leave out counts from before it (RFC 5545, 3.3.5).
        "DTSTART;TZID=Europe/Berlin:20270328T023000\nDURATION:PT5M": "2027-03-28T01:30 28T01:35",
        "DTSTART:20261124T150000Z\nDURATION:PT1H\nSTATUS:CANCELLED": "2026-11-24T15:00 24T16:00*",
        "DTSTART:20261124T150000Z\nDURATION:PT1H\nCLASS:PRIVATE": "2026-11-24T15:00 24T16:00*",
    }.items(),
)
def test_a_single_meeting(lines: str, span: str) -> None:
    assert spans(calendar(BASE + lines)) == [span]


def test_a_rule_follows_its_zone_over_a_change_of_the_clocks() -> None:
    data = calendar(
        BASE + "DTSTART;TZID=America/New_York:20261029T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=21"
    )
    starts = [m.starts_at for m in read(data).meetings]
    assert [datetime.fromtimestamp(s / 1e6, UTC).hour for s in starts] == [14] * len(starts) and len(
        starts
    ) == 10
    summer = ics.read(data, micro(NOW), micro(datetime(2027, 4, 1, tzinfo=UTC))).meetings[-1]
    assert datetime.fromtimestamp(summer.starts_at / 1e6, UTC).hour == 13


def test_exdate_rdate_and_an_override() -> None:
    data = calendar(
        BASE + "DTSTART:20261124T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE:20261126T100000Z\n"
        "RDATE:20261201T080000Z",
        BASE + "RECURRENCE-ID:20261125T100000Z\nDTSTART:20261125T180000Z\nDURATION:PT2H",
        BASE + "RECURRENCE-ID:20261127T100000Z\nDTSTART:20261127T100000Z\nDURATION:PT1H\nSTATUS:CANCELLED",
    )
    assert sorted(spans(data)) == [
        "20261124T100000Z 2026-11-24T10:00 24T11:00",
        "20261125T100000Z 2026-11-25T18:00 25T20:00",
        "20261127T100000Z 2026-11-27T10:00 27T11:00*",
        "20261201T080000Z 2026-12-01T08:00 01T09:00",
    ]


def test_what_is_moved_beyond_the_horizon_is_still_there() -> None:
    data = calendar(
        BASE + "DTSTART:20261124T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2",
        BASE + "RECURRENCE-ID:20261125T100000Z\nDTSTART:20270601T100000Z\nDURATION:PT1H",
    )
    assert "20261125T100000Z 2027-06-01T10:00 01T11:00" in spans(data)
    assert spans(calendar(BASE + "DTSTART:20280101T100000Z\nDURATION:PT1H")) == ["2028-01-01T10:00 01T11:00"]


def test_a_move_of_all_that_follow_keeps_them_apart() -> None:
    data = calendar(
        BASE + "DTSTART:20261124T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4",
        BASE + "RECURRENCE-ID;RANGE=THISANDFUTURE:20261126T100000Z\nDTSTART:20261126T120000Z\nDURATION:PT1H",
    )
    assert [span.split()[:2] for span in spans(data)] == [
        ["20261124T100000Z", "2026-11-24T10:00"],
        ["20261125T100000Z", "2026-11-25T10:00"],
        ["20261126T100000Z", "2026-11-26T12:00"],
        ["20261127T100000Z", "2026-11-27T12:00"],
    ]


def test_of_several_versions_the_highest_sequence_counts() -> None:
    versions = [(1, "15"), (3, "18"), (2, "17")]
    data = calendar(
        *(BASE + f"SEQUENCE:{n}\nDTSTART:20261124T{hour}0000Z\nDURATION:PT1H" for n, hour in versions)
    )
    assert spans(data) == ["2026-11-24T18:00 24T19:00"]


def test_a_running_meeting_is_read_and_a_past_one_of_a_series_is_not() -> None:
    data = calendar(BASE + "DTSTART:20261123T203000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY;INTERVAL=12;COUNT=2")
    assert len(spans(data)) == 2
    assert len(spans(data.replace(b"PT1H", b"PT5M"))) == 1


def test_a_method_of_cancel_cancels() -> None:
    assert (
        spans(calendar(BASE + "DTSTART:20261124T150000Z\nDURATION:PT1H", head="METHOD:CANCEL\n"))[0][-1]
        == "*"
    )


def test_days_and_times_without_a_zone_are_in_the_calendars_or_the_one_given() -> None:
    data = calendar(BASE + "DTSTART:20261124T150000\nDURATION:PT1H", head="X-WR-TIMEZONE:Europe/Berlin\n")
    assert spans(data) == ["2026-11-24T14:00 24T15:00"]
    assert spans(data, "Asia/Kathmandu") == ["2026-11-24T09:15 24T10:15"]
    day = calendar(BASE + "DTSTART;VALUE=DATE:20261124")
    assert spans(day, "Europe/Berlin") == ["2026-11-23T23:00 24T23:00"]


def test_a_zone_that_the_calendar_defines_itself() -> None:
    own = BASE + "DTSTART;TZID=Our Zone:20261124T150000\nDURATION:PT1H"
    data = calendar(own, head=ZONE.format("Our Zone", "+0300", "+0300"))
    assert spans(data) == ["2026-11-24T12:00 24T13:00"]


@pytest.mark.parametrize(
    ("lines", "says"),
    {
        "DTSTART:2026112T150000Z": "DTSTART",
        "DTSTART;TZID=Mars/Phobos:20261124T150000": "Mars/Phobos, which is unknown",
        "DTSTART;TZID=Broken:20261124T150000": "Broken, which is unknown",
        "DTSTART:20261124T150000Z\nEXDATE;TZID=Mars/Phobos:20261124T150000": "EXDATE names the zone",
        "DTSTART:20261124T150000Z\nRRULE:FREQ=SOMETIMES": "RRULE",
        "DTSTART:20261124T150000Z\nRRULE:FREQ=DAILY;INTERVAL=-1": "",
        "DTSTART:20261124T150000Z\nRRULE:FREQ=MINUTELY": "MINUTELY",
        "DTSTART:20261124T150000Z\nDURATION:P99999999999D": "DURATION",
        "DTSTART:20261124T150000Z\nDTEND:20261124T140000Z": "DTEND is before DTSTART",
        "DTSTART:20261124T150000Z\nDURATION:-PT1H": "DURATION is negative",
        "DTSTART:20261124T150000Z\nDTSTART:20261125T150000Z": "DTSTART",
        "DTSTART:20261124T150000Z\nthis is no line": "a line",
        "SUMMARY:no start": "DTSTART is missing",
    }.items(),
)
def test_a_bad_event_costs_only_itself_and_is_named(lines: str, says: str) -> None:
    good = BASE.replace("UID:a", "UID:b") + "DTSTART:20261124T150000Z\nDURATION:PT5M"
    found = read(calendar(BASE + lines, good, head=ZONE.format("Broken", "bogus", "bogus")))
    assert [m.uid for m in found.meetings] == ["b"]
    ((uid, name, reason),) = found.problems
    assert (uid, name[0]) == ("a", "x") and says in reason and reason


def test_two_meetings_of_one_uid_are_told_and_the_same_one_twice_is_one() -> None:
    one, other = (BASE + f"DTSTART:20261124T{hour}0000Z\nDURATION:PT1H" for hour in (15, 18))
    assert "its UID is that of 2 meetings" in why(calendar(one, other))
    assert spans(calendar(one, one)) == ["2026-11-24T15:00 24T16:00"]


def test_a_uid_with_a_nul_costs_only_its_own() -> None:
    bad = "UID:a\0b@hivetalk-scheduler\nSUMMARY:x\nDTSTART:20261124T150000Z\nDURATION:PT5M"
    found = read(calendar(bad, BASE.replace("UID:a", "UID:b") + "DTSTART:20261124T150000Z\nDURATION:PT5M"))
    assert [m.uid for m in found.meetings] == ["b"] and "NUL" in found.problems[0].why


def test_a_bad_override_takes_its_whole_series_along() -> None:
    """Else the occurrence would be announced where it no longer is."""
    series_ = BASE + "DTSTART:20261124T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2"
    found = read(calendar(series_, BASE + "RECURRENCE-ID:20261125T100000Z\nDTSTART:bad"))
    assert found.meetings == [] and len(found.problems) == 1


def test_an_event_without_uid_is_named_without() -> None:
    (problem,) = read(calendar("SUMMARY:x\nDTSTART:20261124T150000Z\nDURATION:PT5M")).problems
    assert problem.uid is None and "UID is missing" in problem.why


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMINUTE={m};BYSECOND={m}",
        "FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7;BYMINUTE={m};BYSECOND={m}",
        "FREQ=YEARLY;BYYEARDAY=-366;BYMONTH=6",
        "FREQ=MONTHLY;INTERVAL=0;BYHOUR=0;BYDAY=MO;BYMONTHDAY=1",
    ],
)
def test_no_rule_runs_away(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ics, "PATIENCE", 0.5)
    minutes = ",".join(map(str, range(60)))
    bomb = BASE + f"DTSTART:19000101T150000Z\nDURATION:PT1H\nRRULE:{rule.format(m=minutes)}"
    began = time.monotonic()
    found = read(calendar(bomb, BASE.replace("UID:a", "UID:b") + "DTSTART:20261124T150000Z\nDURATION:PT5M"))
    assert time.monotonic() - began < 5
    assert [m.uid for m in found.meetings] == ["b"]


def test_a_series_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "SERIES", 10)
    assert "more than 10 times" in why(
        calendar(BASE + "DTSTART:20261124T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY")
    )


def test_the_whole_is_bounded_in_events_meetings_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    daily = [
        BASE.replace("UID:a", f"UID:{n}") + "DTSTART:20261124T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY"
        for n in range(4)
    ]
    for name, bound, says in (
        ("EVENTS", 3, "more than 3 VEVENTs"),
        ("MEETINGS", 100, "more than 100 meetings"),
        ("ALL_PATIENCE", 0.0, "takes longer than"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(ics, name, bound)
            with pytest.raises(DataError, match=says):
                read(calendar(*daily))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "END:VCALENDAR"),
        (b"<html>Sign in</html>", "line 1 is no part of a calendar"),
        (calendar(BASE + "DTSTART:20261124T150000Z")[:-20], "cut short"),
        (
            calendar(BASE + "DTSTART:20261124T150000Z\nDESCRIPTION:caf\u00e9").decode().encode("latin-1"),
            "not UTF-8",
        ),
        (calendar().decode().encode("utf-16"), "not UTF-8"),
        (b"BEGIN:VCALENDAR\r\n" * 2, "begins again"),
        (calendar(head="X-WR-TIMEZONE:Mars/Phobos\n"), "Mars/Phobos' is no zone"),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + b"BEGIN:VALARM\n" * 100_000, "cut short"),
    ],
)
def test_what_is_no_whole_calendar_is_refused_as_a_whole(data: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read(data)


def test_a_byte_order_mark_folded_lines_and_several_calendars_in_one() -> None:
    one = calendar(BASE + "DTSTART:2026\n 1124T150000Z\nDURATION:PT5M")
    assert len(read(b"\xef\xbb\xbf" + one + one.replace(b"UID:a", b"UID:b")).meetings) == 2


def test_texts_are_cut_and_hold_no_nul() -> None:
    data = calendar(
        f"UID:a\nDTSTART:20261124T150000Z\nDURATION:PT5M\nSUMMARY:{'n' * 2000}\0\nDESCRIPTION:a\\nb\0c\n"
    )
    (meeting,) = read(data).meetings
    assert len(meeting.name) == 1000 and meeting.description == "a\nb\ufffdc"
