"""What importing a calendar changes: a pure function of what it holds, of the rows that are there, and of the time."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.meeting import Meeting, identifier, kept_by, plain, prefix, within

Row = dict[str, Any]
Verb = Literal["add", "change", "cancel", "end", "leave"]


class Change(NamedTuple):
    """One thing to do, or to leave (`why`), about one meeting."""

    verb: Verb
    name: str
    starts_at: int | None
    id: str | None = None
    identifier: str | None = None
    values: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """The columns to write; times are microseconds since the epoch."""
    was: dict[str, Any] = {}  # noqa: RUF012
    """What those columns held."""
    why: str = ""


class Plan(NamedTuple):
    """All that an import does."""

    changes: list[Change]
    unchanged: int
    past: int
    beyond: int


def reconcile(
    calendar: str, meetings: Iterable[Meeting], broken: Collection[str | None], rows: Sequence[Row], now: int,
    until: int, rooms: Collection[str], room: str | None = None,
) -> Plan:  # fmt: skip
    """What to do so that the rows of `calendar` say what it holds, from `now` up to `until`.

    `broken`: the UIDs that could not be read, whose rows stay as they are (None: it is not known which, so nothing that
    is missing is cancelled). `rows`: those of any calendar, and those that the meetings name as exported from. `room`:
    where all meetings are; else where a meeting's LOCATION names one of `rooms`.
    """
    ours = prefix(calendar)
    mine = {row["identifier"]: row for row in rows if kept_by(row["identifier"]) == ours}
    others = {
        within(row["identifier"]): row for row in rows if kept_by(row["identifier"]) not in (None, ours)
    }
    by_id = {row["id"]: row for row in rows}
    changes: list[Change] = []
    unchanged = past = beyond = 0
    held: set[str] = set()
    for meeting in meetings:
        key = identifier(calendar, meeting.uid, meeting.recurrence)
        row = mine.get(key)
        exported = by_id.get(meeting.row_id) if meeting.row_id and not meeting.recurrence else None
        if row is None and exported is not None and kept_by(exported["identifier"]) == ours:
            row = exported
        if row is not None:
            held.add(row["identifier"])
        values = _values(meeting, rooms, room)
        other = None if row is not None else exported or others.get(within(key))
        if other is not None:
            if meeting.cancelled != other["cancelled"] or (
                not meeting.cancelled and _different(other, values)
            ):
                whose = "another calendar's" if kept_by(other["identifier"]) else "the application's own"
                changes.append(_left(meeting, f"the row is {whose} ({other['id']})", other["id"]))
            else:
                unchanged += 1
        elif row is None:
            over = (meeting.ends_at or meeting.starts_at) <= now
            if over or meeting.cancelled:
                past += over
            elif meeting.starts_at > until:
                beyond += 1
            elif meeting.ends_at is None:
                changes.append(_left(meeting, "it has no end and no duration; give it one"))
            else:
                changes.append(Change("add", meeting.name, meeting.starts_at, None, key, values))
        else:
            change = _change(row, meeting, values, now)
            if change is None:
                unchanged += 1
            else:
                changes.append(change)
    if None not in broken:
        spared = {within(identifier(calendar, uid)) for uid in broken if uid}
        for key, row in mine.items():
            starts = row["starts_at"]
            if key in held or row["cancelled"] or starts is None or within(key).split("-")[0] in spared:
                continue
            if now < starts <= until:
                changes.append(_cancelled(row, "the calendar no longer holds it"))
    changes.sort(key=lambda change: (change.starts_at or 0, change.name))
    return Plan(changes, unchanged, past, beyond)


def _change(row: Row, meeting: Meeting, values: dict[str, Any], now: int) -> Change | None:
    """What to do about a row whose meeting the calendar still holds."""
    starts, ends = row["starts_at"], row["ends_at"]
    if (ends or starts or 0) <= now and meeting.starts_at <= now:
        return None  # it is over
    if meeting.cancelled:
        if row["cancelled"] or (ends or starts or 0) <= now:
            return None
        if (starts or 0) > now:
            return _cancelled(row, "the calendar says so")
        return Change(
            "end", row["name"], starts, row["id"], row["identifier"], {"end_time": now}, {"end_time": ends}
        )
    if meeting.ends_at is None:
        return _left(meeting, "it has no end and no duration; give it one", row["id"])
    different = _different(row, values)
    if row["cancelled"]:
        different["status"] = "cancelled"
    if not different:
        return None
    new = {name: values[name] for name in different if name != "status"}
    # What the column said was sent of the old time says nothing of the new one.
    if "status" in different or ("start_time" in different and meeting.starts_at > now):
        new["status"] = "planned"
    return Change("change", meeting.name, meeting.starts_at, row["id"], row["identifier"], new, different)


def _values(meeting: Meeting, rooms: Collection[str], room: str | None) -> dict[str, Any]:
    found = room or (meeting.location if meeting.location in rooms else None)
    return {
        "name": meeting.name,
        "description": meeting.description,
        "start_time": meeting.starts_at,
        "end_time": meeting.ends_at,
        **({"room_name": found} if found else {}),
    }


def _different(row: Row, values: dict[str, Any]) -> dict[str, Any]:
    """The columns in which the row differs, with what they hold; a calendar knows whole seconds only."""
    starts, ends = row["starts_at"], row["ends_at"]
    have = {
        "name": plain(row["name"], 1000),
        "description": plain(row["description"], 10_000),
        "start_time": starts,
        "end_time": ends if starts is not None and (ends or 0) // SECOND > starts // SECOND else None,
        "room_name": row["room_name"],
    }
    return {name: have[name] for name, value in values.items() if _whole(have[name]) != _whole(value)}


def _whole(value: object) -> object:
    return value // SECOND if isinstance(value, int) else value


def _cancelled(row: Row, why: str) -> Change:
    values = {"status": "cancelled"}
    return Change("cancel", row["name"], row["starts_at"], row["id"], row["identifier"], values, why=why)


def _left(meeting: Meeting, why: str, id_: str | None = None) -> Change:
    return Change("leave", meeting.name, meeting.starts_at, id_, why=why)
