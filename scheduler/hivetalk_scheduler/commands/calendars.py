"""``events import`` and ``events export``: calendars (iCalendar) in and out."""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from hivetalk_scheduler import agenda, config, ics, log, moment, progress, source
from hivetalk_scheduler.agenda import Agenda
from hivetalk_scheduler.commands.events import DAY, chosen
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.errors import DataError, SchedulerError, UsageError
from hivetalk_scheduler.export import written
from hivetalk_scheduler.meeting import identifier, prefix, within
from hivetalk_scheduler.moment import Moment, echo
from hivetalk_scheduler.reconcile import Change, Plan, reconcile

HORIZON, FURTHEST = 90, 5 * 366
"""Days ahead that an import looks: if nothing is said, and at most."""
WORDS = {"add": "added", "change": "changed", "cancel": "cancelled", "end": "ended", "leave": "left"}


def import_(args: argparse.Namespace) -> int:
    """Bring the calendar's rows to what it says; 65 if something in it could not be taken."""
    if args.source == "-" and (args.password_stdin or not args.calendar):
        raise UsageError(
            "SOURCE -: name the calendar with --calendar, and let the password come from elsewhere"
        )
    zone = moment.zone_named(args.zone, "--zone") if args.zone else None
    data = source.load(args.source)
    calendar = args.calendar or (args.source if "://" in args.source else _path(args.source))
    book = Agenda(agenda.owner(args))
    with ExitStack() as after, book.transaction() as now:
        after.callback(progress.clear)
        until = moment.parse(args.until or f"in {HORIZON} days", "--until", now)
        if not now < until.at <= now + FURTHEST * DAY:
            raise UsageError(
                f"--until lies {moment.relative(until.at - now)}: write a time from now to {FURTHEST} days on"
            )
        reading = ics.read(data, now, until.at, zone, _progress("read"))
        keys = [within(identifier(calendar, meeting.uid, meeting.recurrence)) for meeting in reading.meetings]
        ids = [meeting.row_id for meeting in reading.meetings if meeting.row_id]
        rows = book.rows(prefix(calendar), keys, ids)
        rooms = book.rooms(meeting.location for meeting in reading.meetings)
        plan = reconcile(
            calendar,
            reading.meetings,
            {problem.uid for problem in reading.problems},
            rows,
            now,
            until.at,
            rooms,
            args.room,
        )
        failed = [] if args.dry_run else _apply(book, plan)
    done = [change for change in plan.changes if change not in [bad for bad, _ in failed]]
    if args.json:
        print(json.dumps(_as_json(calendar, until, done, failed, plan, reading, args.dry_run)))
    else:
        _print(args, until, now, done, failed, plan, reading)
    left = len(failed) + len(reading.problems) + sum(change.verb == "leave" for change in done)
    if left:
        raise DataError(
            f"{left} of the calendar's could not be taken, as listed; rows imported of these before stay as they are"
        )
    return 0


def _path(text: str) -> str:
    from pathlib import Path

    return str(Path(text).resolve())


def _apply(book: Agenda, plan: Plan) -> list[tuple[Change, SchedulerError]]:
    """Write the changes; returns those that the database refused."""
    tell, failed = _progress("written"), list[tuple[Change, SchedulerError]]()
    for number, change in enumerate(plan.changes):
        tell(number, len(plan.changes))
        try:
            with book.apart():
                if change.verb == "add":
                    book.add(identifier=change.identifier, **change.values)
                elif change.verb != "leave" and change.id is not None:
                    book.change(change.id, **change.values)
        except DataError as error:
            failed.append((change, error))
    return failed


def _progress(word: str) -> Callable[[int, int], None]:
    """Tells how many of how many are done, where that is many."""

    def tell(number: int, total: int) -> None:
        if total > 200 and number % 50 == 0:
            progress.show(f"{word} {number} of {total}")

    return tell


def _as_json(
    calendar: str, until: Moment, done: list[Change], failed: list[tuple[Change, SchedulerError]], plan: Plan,
    reading: ics.Reading, dry: bool,
) -> dict[str, Any]:  # fmt: skip
    return {
        "calendar": prefix(calendar),
        "until": log.time(until.at),
        "dry_run": dry,
        "unchanged": plan.unchanged,
        "past": plan.past,
        "beyond": plan.beyond,
        "changes": [
            {
                "change": change.verb,
                "id": change.id,
                "identifier": change.identifier,
                "name": change.name,
                "starts_at": change.starts_at and log.time(change.starts_at),
                "values": _times(change.values),
                "was": _times(change.was),
                "why": change.why or None,
            }
            for change in done
        ],
        "problems": [problem._asdict() for problem in reading.problems]
        + [{"uid": None, "name": change.name, "why": str(error)} for change, error in failed],
    }


def _times(values: dict[str, Any]) -> dict[str, Any]:
    return {k: log.time(v) if isinstance(v, int) else v for k, v in values.items()}


def _print(
    args: argparse.Namespace, until: Moment, now: int, done: list[Change], failed: list[tuple[Change, SchedulerError]],
    plan: Plan, reading: ics.Reading,
) -> None:  # fmt: skip
    print(f"calendar   {log.escape(args.calendar or source.shown(args.source))}, up to {echo(until, now)}")
    for change in done:
        why = f"  ({change.why})" if change.why else ""
        columns = f"  {_columns(change)}" if change.verb in ("change", "end") else ""
        print(f"{change.verb:9}  {_when(change)}  {log.escape(change.name)}{columns}{log.escape(why)}")
    for change, error in failed:
        print(f"refused    {_when(change)}  {log.escape(change.name)}  ({log.escape(str(error))})")
    for problem in reading.problems:
        print(
            f"unread     {'-':20}  {log.escape(problem.name or problem.uid or '-')}  ({log.escape(problem.why)})"
        )
    counts = {word: sum(change.verb == verb for change in done) for verb, word in WORDS.items()}
    counts |= {"unchanged": plan.unchanged, "past": plan.past, "later than --until": plan.beyond}
    counts |= {"refused": len(failed), "unread": len(reading.problems)}
    said = ", ".join(f"{n} {word}" for word, n in counts.items() if n or word in ("added", "unchanged"))
    print(f"{'would be:  ' if args.dry_run else ''}{said}")


def _when(change: Change) -> str:
    return f"{log.time(change.starts_at)[:19]}Z" if change.starts_at else f"{'-':20}"


def _columns(change: Change) -> str:
    parts = []
    for name, was in change.was.items():
        new = change.values.get(name)
        if isinstance(new, int) and isinstance(was, int):
            parts.append(f"{name} was {log.time(was)[:19]}Z")
        else:
            parts.append(name)
    return ", ".join(parts)


def export(args: argparse.Namespace) -> int:
    """Print the meetings as iCalendar."""
    if args.json:
        raise UsageError("events export prints iCalendar; for JSON see events list --json")
    now, rows = chosen(Console(config.load(args.config)), args, 1_000_000)
    sys.stdout.flush()
    sys.stdout.buffer.write(written(rows, now))
    return 0
