"""Unfolding a series: its meetings within a time span, however it recurs."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from hivetalk_scheduler.meeting import Meeting, plain

SERIES = 1000
"""Occurrences of one series in the time span."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unsound(ValueError):
    """Why a VEVENT cannot be taken."""


def unfold(uid: str, group: list[Any], now: int, until: int, zone: tzinfo, withdrawn: bool) -> list[Meeting]:
    import icalendar
    import recurring_ical_events

    _one_master(group)
    calendar = icalendar.Calendar()
    if isinstance(zone, ZoneInfo):
        # So that a rule in UTC, as Google writes them, follows the calendar's clocks.
        calendar["X-WR-TIMEZONE"] = zone.key
    calendar.subcomponents = group
    query = recurring_ical_events.of(calendar)
    recurs = any("RRULE" in event or "RDATE" in event for event in group)
    found: dict[str, Meeting] = {}
    if recurs:
        for occurrence in query.after(_EPOCH + timedelta(microseconds=now)):
            if instant(occurrence.DTSTART, zone) > until:
                break
            if len(found) >= SERIES:
                raise Unsound(f"it recurs more than {SERIES} times up to --until; give an earlier one")
            meeting = _meeting(uid, occurrence, group, True, zone, withdrawn)
            found[meeting.recurrence] = meeting
        moved = [
            event for event in group if "RECURRENCE-ID" in event and instant(event.DTSTART, zone) > until
        ]
        occurrences = [other for event in moved for other in query.at(event.DTSTART)]
    else:
        occurrences = list(islice(query.all(), SERIES))
    for occurrence in occurrences:
        meeting = _meeting(uid, occurrence, group, recurs, zone, withdrawn)
        found.setdefault(meeting.recurrence, meeting)
    return list(found.values())


def _one_master(group: list[Any]) -> None:
    """Of several of one UID the highest SEQUENCE counts (RFC 5545, 3.8.7.4); raises Unsound if that says nothing."""
    masters = [event for event in group if "RECURRENCE-ID" not in event]
    newest = max((int(event.get("SEQUENCE", 0)) for event in masters), default=0)
    several = {event.to_ical() for event in masters if int(event.get("SEQUENCE", 0)) == newest}
    if len(several) > 1:
        raise Unsound(f"its UID is that of {len(several)} meetings; give each one of its own")


def _meeting(
    uid: str, occurrence: Any, group: list[Any], recurs: bool, zone: tzinfo, withdrawn: bool
) -> Meeting:
    starts, ends = instant(occurrence.DTSTART, zone), instant(occurrence["DTEND"].dt, zone)
    named = any("RECURRENCE-ID" in event for event in group)
    return Meeting(
        uid,
        _recurrence(occurrence, group) if recurs or named else "",
        text_of(occurrence, "SUMMARY", 1000),
        text_of(occurrence, "DESCRIPTION", 10_000),
        text_of(occurrence, "LOCATION", 500),
        starts,
        ends if ends > starts else None,
        # What is marked private is not for the world to know.
        withdrawn
        or text_of(occurrence, "STATUS", 20).upper() == "CANCELLED"
        or text_of(occurrence, "CLASS", 20).upper() in ("PRIVATE", "CONFIDENTIAL"),
    )


def _recurrence(occurrence: Any, group: list[Any]) -> str:
    """Which occurrence of its series it is: when it would have started, had it not been moved."""
    named = occurrence["RECURRENCE-ID"]
    when = named.dt
    if named.params.get("RANGE") == "THISANDFUTURE":
        # All that follow carry the RECURRENCE-ID of the first; each was moved by as much as that.
        first = next(e for e in group if "RECURRENCE-ID" in e and e["RECURRENCE-ID"].dt == when)
        when = occurrence.DTSTART - (first.DTSTART - when)
    if not isinstance(when, datetime):
        return f"{when:%Y%m%d}"
    return f"{when.astimezone(UTC):%Y%m%dT%H%M%SZ}" if when.tzinfo else f"{when:%Y%m%dT%H%M%S}"


def instant(when: date, zone: tzinfo) -> int:
    """Microseconds since the epoch of a time, or of a day's beginning."""
    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day)
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone)
    return round((when - _EPOCH) / timedelta(microseconds=1))


def text_of(event: Any, name: str, longest: int) -> str:
    value = event.get(name, "")
    return plain(str(value[0] if isinstance(value, list) else value), longest)
