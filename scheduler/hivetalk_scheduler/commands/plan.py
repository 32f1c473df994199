"""``plan --at TIME``: what a run at that time would catch and fire; changes nothing."""

import argparse
import json
from datetime import datetime
from typing import Any

from hivetalk_scheduler import clock, config, log, window
from hivetalk_scheduler.catch import LIMIT, Catcher
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.database import connect
from hivetalk_scheduler.errors import UsageError
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.store import Store


def main(args: argparse.Namespace) -> int:
    """Print the plan; raises SchedulerError."""
    asked = None if args.at == "now" else instant(args.at)
    settings = config.load(args.config)
    store = Store(connect(settings), Clock())
    catcher = Catcher(store, settings)
    names = catcher.wanted.names
    with store.transaction():
        look = store.look(names)
        at = look.now if asked is None else asked
        # No outage is assumed: the runs up to that time have moved the watermark along.
        caught_to = at if look.caught_to is None or at >= look.now else min(look.caught_to, at)
        bounds = window.bounds(
            at, look.origin, caught_to if look.origin is not None else None, settings, late=True
        )
        store.start(look, names, min(at, look.now) - settings.window_behind * SECOND)
        hold_end = window.hold_end(at, at / SECOND if at != look.now else clock.host(), settings)
        until = hold_end if settings.hold else at
        rows = store.wanted(bounds, at, catcher.wanted)
        swept, _ = catcher.sweep(look, at, bounds[0])
        rows += store.wanted(swept, at, catcher.wanted, running=True) if swept else []
        there = store.ahead(max(until, bounds[1]), LIMIT, settings.lead, leased=True)
        store.connection.execute("ROLLBACK; BEGIN")
    caught = [
        {**{k: row[k] for k in ("event_id", "test", "transition", "due_at", "destination")}, "new": True}
        for row in rows
    ]
    caught += [
        {"event_id": d.event_id, "test": d.test, "transition": d.transition, "due_at": d.due_at,
         "destination": d.destination, "new": False}
        for d in there
    ]  # fmt: skip
    for item in caught:
        item["fires"] = item["due_at"] - round(settings.lead * SECOND) <= until
    caught.sort(key=lambda item: (item["due_at"], item["event_id"]))
    _print(args.json, at, bounds, until, caught)
    return 0


def instant(text: str) -> int:
    """ISO 8601 with an offset, as microseconds since the epoch; raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 <= moment.year <= 9000:
        raise UsageError(
            f"--at {text!r}: write now, or a time from 1970 on with its offset, as in 2026-12-24T18:00:00+01:00"
        )
    return round(moment.timestamp() * SECOND)


def _print(as_json: bool, at: int, bounds: tuple[int, int], until: int, caught: list[dict[str, Any]]) -> None:
    if as_json:
        for item in caught:
            item["due_at"] = log.time(item["due_at"])
        times = {"at": at, "window_from": bounds[0], "window_to": bounds[1], "fires_until": until}
        print(json.dumps({**{k: log.time(v) for k, v in times.items()}, "deliveries": caught}))
        return
    window_ = f"{log.time(bounds[0])} to {log.time(bounds[1])}"
    print(f"a run at {log.time(at)} looks at {window_}, fires until {log.time(until)}")
    for item in caught:
        what = ("catches, " if item["new"] else "has, ") + (
            "fires" if item["fires"] else "leaves to a later run"
        )
        print(
            f"{log.time(item['due_at'])}  {item['transition']:5}  {log.escape(item['event_id'])}  "
            f"{log.escape(item['destination'])}  {what}{'  (test)' if item['test'] else ''}"
        )
    print(f"{len(caught)} deliveries, {sum(i['fires'] for i in caught)} fired by this run")
