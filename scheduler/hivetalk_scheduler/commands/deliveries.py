"""``deliveries list|show|retry|discard``: look at single deliveries, and decide about those that ended badly."""

import argparse
import json

from hivetalk_scheduler import config, log
from hivetalk_scheduler.console import Choice, Console, timed
from hivetalk_scheduler.errors import DataError, UsageError


def main(args: argparse.Namespace) -> int:
    """Run the subcommand; raises SchedulerError."""
    console = Console(config.load(args.config))
    if args.subcommand == "show":
        return _show(console, args)
    choice = Choice(args.ids or None, args.state, args.destination, args.event, args.transition, args.limit)
    if args.subcommand == "list":
        rows = console.deliveries("list", choice)
        if args.json:
            print(json.dumps(timed(rows)))
        for row in [] if args.json else rows:
            answer = f"  {log.escape(row['answer'])}" if row["answer"] else ""
            print(
                f"{row['id']:8}  {log.time(row['due_at'])}  {row['transition']:7}  {row['state']:10}  "
                f"{log.escape(row['event_id'])}  {log.escape(row['destination'])}  attempts {row['attempts']}{answer}"
            )
        return 0
    if not (args.ids or args.state or args.destination or args.event or args.transition):
        raise UsageError(
            f"deliveries {args.subcommand}: say which, by number or by a filter such as --state dead"
        )
    more = {"anew": args.anew} if args.subcommand == "retry" else {}
    done = [row["id"] for row in console.deliveries(args.subcommand, choice, **more)]
    left = sorted(set(args.ids) - set(done))
    if args.json:
        print(json.dumps({"done": sorted(done), "left": left}))
    else:
        word = "will be sent again by the next run" if args.subcommand == "retry" else "discarded"
        print(f"{len(done)} {word}")
    if left:
        raise DataError(
            f"left as they are: {', '.join(map(str, left))}: there is no such delivery, or its state does not allow "
            f"{args.subcommand}; see deliveries show NUMBER"
        )
    return 0


def _show(console: Console, args: argparse.Namespace) -> int:
    rows = console.ask("show", id=args.id)
    if not rows:
        raise DataError(f"there is no delivery {args.id}; see deliveries list")
    if args.json:
        print(json.dumps(timed(rows)))
        return 0
    for name, value in timed(rows)[0].items():
        if value is not None:
            print(f"{name:13} {log.escape(str(value))}")
    return 0
