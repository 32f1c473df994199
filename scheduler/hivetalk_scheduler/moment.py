"""Times as people write them ("tomorrow 15:00 Europe/Berlin"), and as they are said back: absolute, with zone.

dateparser reads the words. What it would guess (an order of day and month, a zone's abbreviation, an hour that a change
of the clocks leaves out or has twice, a missing time of day) is refused here, with what to write instead.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hivetalk_scheduler import log
from hivetalk_scheduler.errors import UsageError
from hivetalk_scheduler.event import SECOND

EXAMPLES = "tomorrow 15:00 Europe/Berlin; friday 9am; in 20 minutes; 2026-12-24T18:00+01:00"
LONGEST = 100
"""Characters of a time: nobody writes longer ones."""
FURTHEST = timedelta(days=2 * 366)
"""How far ahead a time in words may lie; beyond, it was hardly meant, and is to be written in full."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONE = re.compile(r"(.*?)\s*(?:\b(UTC|GMT)|(?<=\d)(Z)|\b([A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+))", re.DOTALL)
_OF_DAY = re.compile(r"\d\s*(?::\d\d|[ap]\.?m\b)|\bnoon\b|\bmidnight\b", re.IGNORECASE)
_NO_DAY = re.compile(r"(at\s+)?(\d{1,2}(:\d\d){0,2}\s*([ap]\.?m\.?)?|noon|midnight)", re.IGNORECASE)


class Moment(NamedTuple):
    """An instant, and the zone in which it was named."""

    at: int
    """Microseconds since the epoch."""
    zone: tzinfo = UTC


def parse(text: str, field: str, now: int) -> Moment:
    """The moment that `text` names, seen from `now` (microseconds since the epoch); a time without a zone is UTC.

    "in ..." counts elapsed time: a day of it is 24 hours, whatever the clocks do. Raises UsageError, naming `field`.
    """
    words, zone = _split(" ".join(text.split())[: LONGEST + 1], field)
    if len(words) > LONGEST or not words:
        raise _refused(field, text, f"is no time; write one such as: {EXAMPLES}")
    today = (_EPOCH + timedelta(microseconds=now)).astimezone(zone)
    try:
        local = datetime.fromisoformat(words) if re.match(r"\d{4}-?\d\d-?\d\d.\d\d", words) else None
    except ValueError as error:
        raise _refused(field, text, f"is no time ({error}); write one such as: {EXAMPLES}") from None
    if local is not None:
        if local.tzinfo is None:
            return _settled(local, zone, field, text)
        shown = zone if zone is not UTC else local.tzinfo
        return Moment(_microseconds(local, field, text), shown)
    if words.lower() == "now":
        return Moment(now, zone)
    if re.match(r"in\s", words, re.IGNORECASE):
        span = _span(words)
        if span is None:
            raise _refused(field, text, "is no length of time from now; write one such as: in 1 h 30 min")
        return Moment(now + span, zone)
    if _NO_DAY.fullmatch(words):
        raise _refused(field, text, f"says no day; write today {words}, or tomorrow {words}")
    if not _OF_DAY.search(words):
        raise _refused(field, text, f"says no time of day; write one such as: {EXAMPLES}")
    return _settled(_worded(words, today, field, text), zone, field, text)


def duration(text: str, field: str) -> int:
    """A length of time such as "90 minutes" or "1h30m", in microseconds; raises UsageError, naming `field`."""
    span = _span(f"in {text}") if re.match(r"\s*\d", text) and len(text) <= LONGEST else None
    if not span or span < 0:
        raise _refused(field, text, "is no length of time; write one such as: 45 minutes; 1 h 30 min")
    return span


def zone_named(name: str, field: str) -> tzinfo:
    """The zone of the IANA's database with that name; raises UsageError, naming `field`."""
    try:
        return UTC if name in ("UTC", "GMT", "Z") else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise _refused(
            field, name, "is no zone; write its area and city, such as Europe/Berlin, or UTC"
        ) from None


def echo(moment: Moment, now: int) -> str:
    """As in ``2026-11-24 15:00:00 Europe/Berlin (UTC+01:00) = 2026-11-24T14:00:00Z, in 17 h 20 min``."""
    utc = _EPOCH + timedelta(microseconds=moment.at)
    said = f"{utc:%Y-%m-%dT%H:%M:%SZ}, {relative(moment.at - now)}"
    local = utc.astimezone(moment.zone)
    if not local.utcoffset() and not isinstance(moment.zone, ZoneInfo):
        return said
    offset = f"{local:%z}"
    name = f"{moment.zone} " if isinstance(moment.zone, ZoneInfo) else ""
    return f"{local:%Y-%m-%d %H:%M:%S} {name}(UTC{offset[:3]}:{offset[3:5]}) = {said}"


def relative(microseconds: int) -> str:
    """As in "in 18 h 20 min", "3 min 5 s ago", "now": the two largest units."""
    seconds, parts = abs(microseconds) // SECOND, list[str]()
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, length)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    text = " ".join(part for part in parts[:2] if part)
    if not text:
        return "now"
    return f"in {text}" if microseconds > 0 else f"{text} ago"


def _split(text: str, field: str) -> tuple[str, tzinfo]:
    """The words before the zone, and the zone."""
    found = _ZONE.fullmatch(text)
    if not found:
        return text, UTC
    return found[1].rstrip(), zone_named(found[2] or found[3] or found[4], field)


def _settled(local: datetime, zone: tzinfo, field: str, text: str) -> Moment:
    """The one moment at which clocks in `zone` show `local`."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        readings = [f"{time:%Y-%m-%dT%H:%M:%S}{_offset(time)}" for time in (first, second)]
        # The clocks are put back: the first reading has the larger offset. Put forward: no clock ever shows it.
        if first.utcoffset() > second.utcoffset():  # type: ignore[operator]
            raise _refused(field, text, f"happens twice in {zone}; write {readings[0]} or {readings[1]}")
        raise _refused(
            field, text, f"does not exist in {zone}, whose clocks are put forward then; write another"
        )
    return Moment(_microseconds(first, field, text), zone)


def _offset(time: datetime) -> str:
    offset = f"{time:%z}"
    return f"{offset[:3]}:{offset[3:5]}"


def _microseconds(time: datetime, field: str, text: str) -> int:
    if not 1970 <= time.year <= 9000:
        raise _refused(field, text, "lies outside the years 1970 to 9000")
    return round((time - _EPOCH) / timedelta(microseconds=1))


def _worded(words: str, today: datetime, field: str, text: str) -> datetime:
    """What clocks show at the time that `words` say, seen from `today`."""
    base = today.replace(tzinfo=None)
    # Whatever depends on the order of day and month, or takes its time of day from now, was not said.
    readings = {order: _read(words, base, order) for order in ("DMY", "MDY")}
    found, other = readings["DMY"], readings["MDY"]
    if found is None or other is None:
        raise _refused(field, text, f"is no time; write one such as: {EXAMPLES}")
    if found.tzinfo is not None:
        raise _refused(
            field, text, "has an offset or an abbreviation of a zone, which may stand for several; "
            "write the zone as area and city, such as Europe/Berlin, or UTC",
        )  # fmt: skip
    if found != other:
        raise _refused(field, text, f"may be {found:%-d %B} or {other:%-d %B}; write {found:%Y-%m-%d %H:%M}")
    later = _read(words, base.replace(hour=(base.hour + 7) % 24, minute=(base.minute + 13) % 60), "DMY")
    if later is None or later.time() != found.time():
        raise _refused(field, text, f"says no time of day; write one such as: {EXAMPLES}")
    if found - base > FURTHEST:
        raise _refused(
            field, text, f"would be in {found.year}; write such a date in full, as in 2030-12-24 18:00"
        )
    return found


def _span(words: str) -> int | None:
    """The microseconds that "in ..." says, or None."""
    base = datetime(2001, 1, 1, 12, 0, 0)
    found = _read(words, base, "DMY")
    # Said of another time, it is as long; else it named a time of day.
    if found is None or found - timedelta(hours=1) != _read(words, base - timedelta(hours=1), "DMY"):
        return None
    return round((found - base) / timedelta(microseconds=1))


def _read(words: str, base: datetime, order: str) -> datetime | None:
    import dateparser

    settings: Any = {"RELATIVE_BASE": base, "DATE_ORDER": order, "PREFER_DATES_FROM": "future"}
    try:
        found: datetime | None = dateparser.parse(words, languages=["en"], settings=settings)
    except (ValueError, OverflowError):
        return None
    return found


def _refused(field: str, text: str, why: str) -> UsageError:
    return UsageError(f"{field} '{log.escape(text[:LONGEST])}' {why}")
