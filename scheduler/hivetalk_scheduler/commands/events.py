"""``events list|show|add|move|cancel|import|export``: the meetings, by hand or from a calendar."""

import argparse
import json
from typing import Any

from hivetalk_scheduler import agenda, config, log, moment
from hivetalk_scheduler.agenda import Agenda
from hivetalk_scheduler.console import Choice, Console, timed
from hivetalk_scheduler.database import Row
from hivetalk_scheduler.errors import DataError, UsageError
from hivetalk_scheduler.meeting import kept_by
from hivetalk_scheduler.moment import Moment, echo

DAY = 86_400_000_000
"""Microseconds."""


def main(args: argparse.Namespace) -> int:
    """Run the subcommand; raises SchedulerError."""
    if args.subcommand in ("import", "export"):
        from hivetalk_scheduler.commands import calendars

        return calendars.import_(args) if args.subcommand == "import" else calendars.export(args)
    return {"list": _list, "show": _show, "add": _add, "move": _move, "cancel": _cancel}[args.subcommand](
        args
    )


def chosen(console: Console, args: argparse.Namespace, limit: int) -> tuple[int, list[Row]]:
    """The database's time, and the meetings that are asked for."""
    now: int = console.ask("now")[0]["now"]
    from_ = moment.parse(args.from_, "--from", now).at
    until = moment.parse(args.until, "--until", now).at if args.until else None
    bounds = {"lower": from_ / 1e6, "upper": None if until is None else until / 1e6}
    return now, console.ask("events", **bounds, room=args.room, limit=limit)


def _list(args: argparse.Namespace) -> int:
    if args.limit < 1:
        raise UsageError(f"--limit {args.limit}: write a number from 1 on")
    now, rows = chosen(Console(config.load(args.config)), args, args.limit + 1)
    if args.json:
        print(json.dumps(timed(rows[: args.limit])))
        return 0
    for row in rows[: args.limit]:
        ends = "without end     " if row["ends_at"] is None else f"{log.time(row['ends_at'])[:16]}Z"
        print(
            f"{log.time(row['starts_at'])[:19]}Z  to {ends}  {_state(row, now):18}  {log.escape(row['event_id'])}  "
            f"{log.escape(row['room_name'] or '-')}  {log.escape(row['name'] or '')}"
        )
    if len(rows) > args.limit:
        print(f"there are more than {args.limit}: see --limit, --from and --until")
    elif not rows:
        print("no meeting")
    return 0


def _state(row: Row, now: int) -> str:
    if row["cancelled"]:
        return "cancelled"
    if row["starts_at"] > now:
        return moment.relative(row["starts_at"] - now)
    return "over" if row["ends_at"] is not None and row["ends_at"] <= now else "runs"


def _show(args: argparse.Namespace) -> int:
    console = Console(config.load(args.config))
    rows = console.ask("event", id=args.id)
    if not rows:
        raise DataError(f"there is no event {log.escape(args.id)}; see hivetalk-scheduler events list")
    row, now = rows[0], console.ask("now")[0]["now"]
    deliveries = console.deliveries("list", Choice(event=args.id, limit=1000))
    if args.json:
        print(json.dumps({**timed(rows)[0], "deliveries": timed(deliveries)}))
        return 0
    for name, value in row.items():
        if value is not None:
            text = echo(Moment(value), now) if name.endswith("_at") else str(value)
            print(f"{name:13} {log.escape(text)}")
    for sent in deliveries:
        print(
            f"{sent['transition']:13} {log.time(sent['due_at'])}  {sent['state']:10}  {log.escape(sent['destination'])}"
        )
    return 0


def _add(args: argparse.Namespace) -> int:
    if not args.name.strip() or "\0" in args.name + args.description:
        raise UsageError("NAME is empty, or holds a NUL; say what the meeting is called")
    book = Agenda(agenda.owner(args))
    with book.transaction() as now:
        start = moment.parse(args.start, "--start", now)
        end = _end(args, start, now)
        _not_past(start, "--start", args.start, now)
        _in_order(start, end, now)
        keyless = args.room and not book.rooms([args.room])
        id_ = book.add(
            name=args.name,
            description=args.description,
            start_time=start.at,
            end_time=end.at,
            room_name=args.room,
        )
    _said(args, {"id": id_, "done": "added"}, start, end, now)
    if keyless and not args.json:
        print(
            f"note    no row of room_info is named {log.escape(args.room)}, so the room has no key of its own"
        )
    return 0


def _move(args: argparse.Namespace) -> int:
    if not (args.start or args.end or args.for_):
        raise UsageError("events move: say where to, with --start, --end or --for")
    book = Agenda(agenda.owner(args))
    with book.transaction() as now:
        row = book.row(args.id)
        name = f"event {log.escape(args.id)}"
        if row["cancelled"]:
            raise DataError(f"{name} is cancelled; write another with events add")
        if row["starts_at"] is None and not args.start:
            raise DataError(f"{name} has no start_time; give one with --start")
        start = moment.parse(args.start, "--start", now) if args.start else Moment(row["starts_at"])
        if args.end or args.for_:
            end = _end(args, start, now)
        elif row["ends_at"] is None:
            end = None
        else:
            end = Moment(start.at + row["ends_at"] - row["starts_at"], start.zone)
        if args.start:
            _not_past(start, "--start", args.start, now)
        if end is not None:
            _in_order(start, end, now)
        status = "planned" if args.start else None
        book.change(args.id, start_time=start.at, end_time=end and end.at, status=status)
    _said(args, {"id": args.id, "done": "moved"}, start, end, now)
    _warn_imported(args, row)
    return 0


def _cancel(args: argparse.Namespace) -> int:
    book = Agenda(agenda.owner(args))
    with book.transaction() as now:
        rows = [book.row(id_) for id_ in dict.fromkeys(args.ids)]
        for row in rows:
            if not row["cancelled"] and row["starts_at"] is not None and row["starts_at"] <= now:
                runs = row["ends_at"] is None or row["ends_at"] > now
                mend = f"end it: events move {log.escape(row['id'])} --end now" if runs else "it is over"
                raise DataError(
                    f"event {log.escape(row['id'])} has begun, and its start was announced; {mend}"
                )
            book.change(row["id"], status="cancelled")
    if args.json:
        print(json.dumps({"cancelled": [row["id"] for row in rows]}))
        return 0
    for row in rows:
        print(f"cancelled  {log.escape(row['id'])}  {log.escape(row['name'])}")
        _warn_imported(args, row)
    return 0


def _end(args: argparse.Namespace, start: Moment, now: int) -> Moment:
    if args.end:
        return moment.parse(args.end, "--end", now)
    return Moment(start.at + moment.duration(args.for_, "--for"), start.zone)


def _not_past(time: Moment, field: str, text: str, now: int) -> None:
    if time.at < now:
        raise UsageError(f"{field} '{log.escape(text)}' is past: {echo(time, now)}; write a time to come")


def _in_order(start: Moment, end: Moment, now: int) -> None:
    if end.at <= start.at:
        raise UsageError(
            f"--end is not after the start: {echo(start, now)} to {echo(end, now)}; write a later one"
        )
    if end.at < now:
        raise UsageError(f"--end is past: {echo(end, now)}; write now, or a time to come")


def _said(
    args: argparse.Namespace, what: dict[str, Any], start: Moment, end: Moment | None, now: int
) -> None:
    """What was written, in absolute time."""
    times = {"starts": start, "ends": end}
    if args.json:
        print(json.dumps({**what, **{f"{k}_at": t and log.time(t.at) for k, t in times.items()}}))
        return
    print(f"{what['done']:7} {log.escape(what['id'])}")
    for name, time in times.items():
        print(f"{name:7} {echo(time, now) if time else 'without end'}")


def _warn_imported(args: argparse.Namespace, row: Row) -> None:
    if kept_by(row["identifier"]) and not args.json:
        print("note    it comes from a calendar, whose next import brings it back to what it says")
