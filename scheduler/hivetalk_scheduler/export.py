"""Writing meetings as iCalendar (RFC 5545)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hivetalk_scheduler import __version__
from hivetalk_scheduler.meeting import OWN, plain

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def written(rows: Iterable[dict[str, Any]], now: int) -> bytes:
    """A calendar of these rows (see ``events`` in console.sql); `now`: microseconds since the epoch.

    A row's UID is made of its id, so importing what was exported finds the row again.
    """
    import icalendar

    calendar = icalendar.Calendar()
    calendar.add("prodid", f"-//HiveTalk//hivetalk-scheduler {__version__}//EN")
    calendar.add("version", "2.0")
    for row in rows:
        event = icalendar.Event()
        event.add("uid", row["event_id"] + OWN)
        event.add("dtstamp", _time(now))
        starts, ends = _time(row["starts_at"]), _time(row["ends_at"] or 0)
        event.add("dtstart", starts)
        if ends > starts:
            event.add("dtend", ends)
        for name, column, longest in (
            ("summary", "name", 1000),
            ("description", "description", 10_000),
            ("location", "room_name", 500),
        ):
            text = plain(row[column], longest)
            if text:
                event.add(name, text)
        event.add("status", "CANCELLED" if row["cancelled"] else "CONFIRMED")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _time(microseconds: int) -> datetime:
    return (_EPOCH + timedelta(microseconds=microseconds)).replace(microsecond=0)
