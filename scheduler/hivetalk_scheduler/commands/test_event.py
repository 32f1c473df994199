"""``test-event``: a marked event that takes the real path through the timer."""

import argparse
import json
import os
import time
from typing import Any

from hivetalk_scheduler import config, log, progress
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console, timed
from hivetalk_scheduler.errors import TryAgain, UsageError
from hivetalk_scheduler.release import canary

POLL = 0.5
"""Seconds between two looks."""


def main(args: argparse.Namespace) -> int:
    """Write the event, follow it with ``--wait``; raises TryAgain if it does not arrive."""
    if args.in_ is None and not args.unseen:
        raise UsageError(
            "--in is missing: say in how many seconds it starts; see hivetalk-scheduler test-event --help"
        )
    settings = config.load(args.config)
    if args.unseen:
        args.in_, args.for_ = args.in_ or soonest(settings), 86_400
    console = Console(settings)
    event_id = f"test-{os.urandom(6).hex()}"
    only_to = canary() if args.unseen else None
    (row,) = console.ask("add_test_event", id=event_id, starts_in=args.in_, lasts=args.for_, only_to=only_to)
    if not args.json:
        ended = "" if args.unseen else f", ended at {log.time(row['ends_at'])}"
        print(f"{event_id}: live at {log.time(row['starts_at'])}{ended}", flush=True)
    awaited = {"live"} if args.unseen else {"live", "ended"}
    patience = args.in_ + (0 if args.unseen else args.for_) + long_enough(settings)
    rows = _follow(console, event_id, awaited, patience, args.json) if args.wait else []
    if args.json:
        print(json.dumps({"event_id": event_id, "patience_s": patience, "deliveries": timed(rows)}))
    if not args.wait:
        return 0
    wrong = [r for r in rows if r["state"] != "delivered"]
    if wrong or {r["transition"] for r in rows} != awaited:
        raise TryAgain(
            f"{event_id} was not delivered everywhere: {len(rows) - len(wrong)} of {len(rows)} deliveries arrived; "
            "see journalctl -u hivetalk-scheduler, and hivetalk-scheduler status"
        )
    return 0


def soonest(settings: Config) -> float:
    """In how many seconds an event may start so that the next run, however late it is, neither overlooks it nor finds
    it too late."""
    cycle = settings.interval + settings.jitter + settings.accuracy
    return max(1.0, cycle + 1 - min(settings.max_lateness, settings.window_behind))


def long_enough(settings: Config) -> float:
    """Seconds after an event's time in which a run has surely been, and has delivered it."""
    return 2 * (settings.interval + settings.jitter + settings.accuracy) + settings.delivery_timeout + 10


def _follow(
    console: Console, event_id: str, awaited: set[str], patience: float, quiet: bool
) -> list[dict[str, Any]]:
    """Poll until all that is awaited has ended, or for `patience` seconds."""
    began = time.monotonic()
    give_up = began + patience
    shown: dict[tuple[str, str], str] = {}
    while True:
        rows = console.ask("of_test_event", id=event_id)
        for row in rows:
            where = (row["transition"], row["destination"])
            if shown.get(where) != row["state"] and not quiet:
                shown[where] = row["state"]
                late = "" if row["lateness_ms"] is None else f" {row['lateness_ms']} ms after its time"
                progress.clear()
                answer = f": {log.escape(row['answer'])}" if row["answer"] else ""
                print(
                    f"{row['transition']:5} {row['state']}{late}, {log.escape(row['destination'])}{answer}",
                    flush=True,
                )
        states = {(row["transition"], row["state"]) for row in rows}
        over = {t for t, _ in states} == awaited and not any(s == "pending" for _, s in states)
        now = time.monotonic()
        if over or now > give_up:
            progress.clear()
            return rows
        progress.show(f"waiting for the timer: {now - began:.0f} s, at most {patience:.0f} s")
        time.sleep(POLL)
