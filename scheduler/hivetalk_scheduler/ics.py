"""Reading iCalendar (RFC 5545): the meetings of a time span, however they recur. The text is hostile.

icalendar reads the components and recurring-ical-events unfolds them, one UID at a time, so that a bad VEVENT costs
only itself; each has a time limit, since a recurrence rule can ask for more than a machine can do.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from hivetalk_scheduler import clock
from hivetalk_scheduler.errors import DataError, UsageError
from hivetalk_scheduler.meeting import Meeting
from hivetalk_scheduler.moment import zone_named
from hivetalk_scheduler.patience import patience
from hivetalk_scheduler.series import Unsound, instant, text_of, unfold

EVENTS = 20_000
"""VEVENTs in one calendar."""
MEETINGS = 10_000
"""Occurrences of one calendar in the time span."""
PATIENCE, ALL_PATIENCE = 5.0, 300.0
"""Seconds for one UID, and for a whole calendar."""

_FOLD = re.compile(r"\r?\n[ \t]")
_NEEDED = {
    "UID",
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
    "SEQUENCE",
    "STATUS",
    None,
}
"""What must be sound in a VEVENT; None is a line that has not even a name."""


class Problem(NamedTuple):
    """A VEVENT that cannot be taken, and why."""

    uid: str | None
    name: str
    why: str


class Reading(NamedTuple):
    """What a calendar holds."""

    meetings: list[Meeting]
    problems: list[Problem]


def read(
    data: bytes,
    now: int,
    until: int,
    zone: tzinfo | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Reading:
    """The meetings that end after `now` and start up to `until` (microseconds since the epoch), and those beyond that
    a calendar names one by one.

    `zone`: that of times and days without one, else the calendar's own (X-WR-TIMEZONE), else UTC. `tell` hears how many
    of how many UIDs have been read. Raises DataError where the whole cannot be read.
    """
    import icalendar

    headers, blocks = _split(data)
    zone = zone or _zone_of(_header(headers, "X-WR-TIMEZONE"))
    withdrawn = _header(headers, "METHOD").upper() == "CANCEL"
    deadline = clock.monotonic() + ALL_PATIENCE
    problems: list[Problem] = []
    for text in blocks.get("VTIMEZONE", []):
        # A bad zone costs those that name it: they find it unknown.
        with suppress(Exception), patience(PATIENCE):
            icalendar.Timezone.from_ical(text)  # it remembers the zone
        _hurry(deadline)
    groups: dict[str, list[Any]] = {}
    bad: dict[str, Problem] = {}
    events = blocks.get("VEVENT", [])
    for number, text in enumerate(events):
        if tell:
            tell(number, len(events))
        event, problem = _event(text)
        if problem is None:
            groups.setdefault(str(event["UID"]), []).append(event)
        elif problem.uid:
            bad[problem.uid] = problem
        else:
            problems.append(problem)
        _hurry(deadline)
    meetings: list[Meeting] = []
    for uid, group in groups.items():
        if uid not in bad:
            try:
                with patience(min(PATIENCE, max(0.1, deadline - clock.monotonic()))):
                    meetings += unfold(uid, group, now, until, zone, withdrawn)
            except TimeoutError:
                why = f"its recurrence rule takes longer than {PATIENCE:g} s to follow; simplify it"
                bad[uid] = Problem(uid, text_of(group[0], "SUMMARY", 1000), why)
            except Exception as error:  # what libraries make of hostile values is not foreseeable
                bad[uid] = Problem(
                    uid, text_of(group[0], "SUMMARY", 1000), " ".join(str(error).split())[:300]
                )
        _hurry(deadline)
        if len(meetings) > MEETINGS:
            raise DataError(
                f"the calendar holds more than {MEETINGS} meetings up to --until; give an earlier one"
            )
    return Reading(meetings, problems + list(bad.values()))


def _split(data: bytes) -> tuple[list[str], dict[str, list[str]]]:
    """The calendar's own lines, and the text of each component by name."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"the calendar is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    headers: list[str] = []
    blocks: dict[str, list[str]] = {}
    within, block, nested, found = False, [""], 0, False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        word = line.strip().upper() if line[:1] in "BbEe" else ""
        if word == "END:VCALENDAR" and nested == 0:
            within = False
        elif word == "BEGIN:VCALENDAR":
            if within:
                raise DataError(
                    f"line {number} of the calendar: it begins again before its end; get it again, whole"
                )
            within = found = True
        elif word.startswith("BEGIN:") and within:
            if not nested:
                block = []
            block.append(line)
            nested += 1
        elif nested:
            block.append(line)
            nested -= word.startswith("END:")
            if not nested:
                blocks.setdefault(block[0].strip().upper().removeprefix("BEGIN:"), []).append(
                    "\r\n".join(block)
                )
        elif within:
            headers.append(line)
        elif line.strip():
            raise DataError(
                f"line {number} is no part of a calendar: {line[:60]!r}; name an iCalendar (.ics) file"
            )
    if within or not found:
        raise DataError(
            "the calendar has no end (END:VCALENDAR): it was cut short, or is none; get it again, whole"
        )
    if len(blocks.get("VEVENT", [])) > EVENTS:
        raise DataError(f"the calendar holds more than {EVENTS} VEVENTs; split it")
    return headers, blocks


def _header(headers: list[str], name: str) -> str:
    found = [
        line.partition(":")[2].strip() for line in headers if re.match(rf"{name}[;:]", line, re.IGNORECASE)
    ]
    return found[0] if found else ""


def _zone_of(name: str) -> tzinfo:
    try:
        return zone_named(name, "X-WR-TIMEZONE") if name else UTC
    except UsageError as error:
        raise DataError(f"{error}; or give --zone") from None


def _event(text: str) -> tuple[Any, Problem | None]:
    """The VEVENT, or why it cannot be taken."""
    import icalendar

    plain = _FOLD.sub("", text)
    uid, name = (
        found[1].strip() if (found := re.search(rf"^{word}[^:\n]*:(.*)$", plain, re.MULTILINE)) else ""
        for word in ("UID", "SUMMARY")
    )
    try:
        with patience(PATIENCE):
            event = icalendar.Event.from_ical(text)
            _check(event)
    except Exception as error:  # what a library makes of hostile text is not foreseeable
        return None, Problem(
            uid or None, name[:1000], " ".join(str(error).split())[:300] or type(error).__name__
        )
    return event, None


def _check(event: Any) -> None:
    """Raises Unsound."""
    for name, why in event.errors:
        if name in _NEEDED:
            raise Unsound(f"{name or 'a line'}: {why}")
    for name in ("UID", "DTSTART"):
        if not isinstance(event.get(name), (str if name == "UID" else object)) or not event.get(name):
            raise Unsound(f"{name} is missing, or there are several")
    if "\0" in event["UID"]:
        raise Unsound("UID holds a NUL, which no text in a database has")
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE"):
        value = event.get(name, [])
        for part in value if isinstance(value, list) else [value]:
            zone = part.params.get("TZID")
            whens = [item.dt for item in part.dts] if hasattr(part, "dts") else [part.dt]
            if zone and any(isinstance(when, datetime) and when.tzinfo is None for when in whens):
                raise Unsound(f"{name} names the zone {zone}, which is unknown, and no VTIMEZONE defines it")
    for name in ("DTSTART", "DTEND", "DURATION", "RECURRENCE-ID"):
        if isinstance(event.get(name), list):
            raise Unsound(f"there are several {name}")
    if "DTEND" in event and isinstance(event.DTSTART, datetime) == isinstance(event.DTEND, datetime):
        start, end = instant(event.DTSTART, UTC), instant(event.DTEND, UTC)
        if end < start:
            raise Unsound("DTEND is before DTSTART")
    if "DURATION" in event and event["DURATION"].dt < timedelta(0):
        raise Unsound("DURATION is negative")
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        if {"SECONDLY", "MINUTELY"} & set(rule.get("FREQ", [])):
            raise Unsound(f"it recurs {rule['FREQ'][0]}, which no meeting does")


def _hurry(deadline: float) -> None:
    if clock.monotonic() > deadline:
        raise DataError(
            f"the calendar takes longer than {ALL_PATIENCE:g} s to read; split it, or give an earlier --until"
        )
