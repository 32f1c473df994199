"""Times in words: what is read, what is said back, and what is refused rather than guessed."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hivetalk_scheduler import moment
from hivetalk_scheduler.errors import UsageError
from hivetalk_scheduler.moment import Moment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def micro(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)


NOW = micro(datetime(2026, 11, 23, 20, 40, tzinfo=UTC))
"""A Monday; in Berlin it is 21:40."""


def read(text: str, now: int = NOW) -> str:
    at = moment.parse(text, "--start", now).at
    return f"{EPOCH + timedelta(microseconds=at):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("text", "means"),
    {
        "tomorrow 15:00 Europe/Berlin": "2026-11-24T14:00:00Z",
        "tomorrow 15:00": "2026-11-24T15:00:00Z",
        "tomorrow at 3pm UTC": "2026-11-24T15:00:00Z",
        "tomorrow noon": "2026-11-24T12:00:00Z",
        "today 23:59": "2026-11-23T23:59:00Z",
        "today 23:59 America/New_York": "2026-11-24T04:59:00Z",
        "friday 9am Europe/Berlin": "2026-11-27T08:00:00Z",
        "next friday 09:00": "2026-11-27T09:00:00Z",
        "24 december 18:00": "2026-12-24T18:00:00Z",
        "24.12. 18:00": "2026-12-24T18:00:00Z",
        "13/12/2026 15:00": "2026-12-13T15:00:00Z",
        "in 20 minutes": "2026-11-23T21:00:00Z",
        "in 1 h 30 min": "2026-11-23T22:10:00Z",
        "in 2 days Asia/Kathmandu": "2026-11-25T20:40:00Z",
        "now": "2026-11-23T20:40:00Z",
        "2026-12-24T18:00+01:00": "2026-12-24T17:00:00Z",
        "2026-12-24T18:00Z": "2026-12-24T18:00:00Z",
        "2026-12-24 18:00:30": "2026-12-24T18:00:30Z",
        "2026-12-24 18:00 Europe/Berlin": "2026-12-24T17:00:00Z",
        "  tomorrow \t 15:00  ": "2026-11-24T15:00:00Z",
    }.items(),
)
def test_it_means(text: str, means: str) -> None:
    assert read(text) == means


@pytest.mark.parametrize(
    ("text", "why"),
    {
        "10/11 15:00": "may be 10 November or 11 October; write 2027-11-10 15:00",
        "12 at 15:00": "may be 12 November or 23 December",
        "tomorrow 15:00 CST": "may stand for several",
        "tomorrow 15:00 CET": "write the zone as area and city",
        "tomorrow 15:00 Mars/Phobos": "'Mars/Phobos' is no zone",
        "tomorrow 15:00 Europe/../../etc/passwd": "--start",
        "15:00": "says no day; write today 15:00, or tomorrow 15:00",
        "noon": "says no day",
        "tomorrow": "says no time of day",
        "2026-12-24": "says no time of day",
        "tomorrow 25:00": "says no time of day",
        "in 20 parsecs": "is no length of time from now",
        "in 99999999999 days": "is no length of time from now",
        "garbage 15:00": "is no time",
        "2026-13-01 10:00": "month must be in 1..12",
        "1764000000": "says no time of day",
        "9999-01-01T00:00Z": "outside the years",
        "": "is no time",
        "UTC": "is no time",
        "tomorrow " * 1000: "is no time",
        "\x1b[31mtomorrow": "\\x1b",
    }.items(),
)
def test_it_is_refused_with_what_to_write(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)) as refused:
        moment.parse(text, "--start", NOW)
    assert str(refused.value).startswith("--start '") and str(refused.value).isprintable()


def test_an_hour_that_the_clocks_leave_out_does_not_exist() -> None:
    with pytest.raises(UsageError, match="does not exist in Europe/Berlin"):
        read("2027-03-28 02:30 Europe/Berlin")
    assert read("2027-03-28 03:00 Europe/Berlin") == "2027-03-28T01:00:00Z"


def test_an_hour_that_happens_twice_is_to_be_said_with_its_offset() -> None:
    with pytest.raises(UsageError, match="happens twice") as refused:
        read("2026-10-25 02:30 Europe/Berlin")
    offered = re.findall(r"2026-10-25T[\d:+]+", str(refused.value))
    assert [read(text) for text in offered] == ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]


def test_in_counts_elapsed_time_whatever_the_clocks_do() -> None:
    before = micro(datetime(2026, 10, 24, 22, 0, tzinfo=UTC))  # 00:00 in Berlin; at 3:00 it is 2:00 again
    assert read("in 4 hours Europe/Berlin", before) == "2026-10-25T02:00:00Z"
    assert read("in 1 day Europe/Berlin", before) == "2026-10-25T22:00:00Z"
    assert read("tomorrow 00:00 Europe/Berlin", before) == "2026-10-25T23:00:00Z"


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@settings(max_examples=150, deadline=None)
@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),
    day=st.integers(0, 6),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_a_weekday_is_the_next_one_and_tomorrow_is_tomorrow(
    now: datetime, day: int, hour: int, minute: int
) -> None:
    """The library has had bugs at the ends of months: an oracle of our own."""
    here = now.replace(tzinfo=UTC)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    clock = timedelta(hours=hour, minutes=minute)
    for words, days in {f"{WEEKDAYS[day]} ": (day - here.weekday()) % 7 or 7, "tomorrow ": 1}.items():
        found = moment.parse(f"{words}{hour}:{minute:02}", "--start", micro(here)).at
        assert found == micro(midnight + timedelta(days=days) + clock)


@settings(max_examples=150, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.timezones(no_cache=False)),
)
def test_what_is_echoed_is_read_as_the_same_moment(time: datetime) -> None:
    at = micro(time.replace(microsecond=0))
    echo = moment.echo(Moment(at, time.tzinfo or UTC), NOW)
    assert moment.parse(re.findall(r"[\d-]+T[\d:]+Z", echo)[0], "--start", NOW).at == at


@given(st.text(max_size=120))
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_a_time_or_refused_in_print(text: str) -> None:
    try:
        moment.parse(text, "--start", NOW)
    except UsageError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("45 minutes", 45), ("45m", 45), ("1 h 30 min", 90), ("1h30m", 90), ("2 days", 2880)],
)
def test_a_length_of_time(text: str, minutes: int) -> None:
    assert moment.duration(text, "--for") == minutes * 60_000_000


@pytest.mark.parametrize("text", ["90", "0 min", "-5 min", "tomorrow", "1:30", "", "5 parsecs"])
def test_no_length_of_time(text: str) -> None:
    with pytest.raises(UsageError, match=r"--for .* is no length of time"):
        moment.duration(text, "--for")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (66_000, "in 18 h 20 min"),
        (-185, "3 min 5 s ago"),
        (172_805, "in 2 d"),
        (90_000, "in 1 d 1 h"),
    ],
)
def test_relative(seconds: int, words: str) -> None:
    assert moment.relative(seconds * 1_000_000) == words


def test_the_echo_says_the_zone_the_offset_and_utc() -> None:
    at = micro(datetime(2026, 11, 24, 14, 0, tzinfo=UTC))
    said = "2026-11-24T14:00:00Z, in 17 h 20 min"
    assert moment.echo(Moment(at, BERLIN), NOW) == f"2026-11-24 15:00:00 Europe/Berlin (UTC+01:00) = {said}"
    assert moment.echo(Moment(at), NOW) == said
