"""``test-event``: a marked event that takes the real path through the timer."""

import argparse
import json
import os
import time
from typing import Any

from hivetalk_scheduler import config, log
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console, timed
from hivetalk_scheduler.errors import TryAgain

POLL = 0.5
"""Seconds between two looks."""


def main(args: argparse.Namespace) -> int:
    """Write the event, follow it with ``--wait``; raises TryAgain if it does not arrive."""
    settings = config.load(args.config)
    console = Console(settings)
    event_id = f"test-{os.urandom(6).hex()}"
    (row,) = console.ask("add_test_event", id=event_id, starts_in=args.in_, lasts=args.for_)
    if not args.json:
        print(
            f"{event_id}: live at {log.time(row['starts_at'])}, ended at {log.time(row['ends_at'])}",
            flush=True,
        )
    if not args.wait:
        if args.json:
            print(json.dumps({"event_id": event_id, "deliveries": []}))
        return 0
    rows = _follow(console, settings, event_id, args)
    if args.json:
        print(json.dumps({"event_id": event_id, "deliveries": timed(rows)}))
    wrong = [r for r in rows if r["state"] != "delivered"]
    if wrong or {r["transition"] for r in rows} != {"live", "ended"}:
        raise TryAgain(
            f"{event_id} was not delivered everywhere: {len(rows) - len(wrong)} of {len(rows)} deliveries arrived; "
            "see journalctl -u hivetalk-scheduler, and hivetalk-scheduler status"
        )
    return 0


def _follow(
    console: Console, settings: Config, event_id: str, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Poll until everything has ended, or a run after the event's end should long have been."""
    patience = 2 * (settings.interval + settings.jitter + settings.accuracy) + settings.delivery_timeout + 10
    give_up = time.monotonic() + args.in_ + args.for_ + patience
    shown: dict[tuple[str, str], str] = {}
    while True:
        rows = console.ask("of_test_event", id=event_id)
        for row in rows:
            where = (row["transition"], row["destination"])
            if shown.get(where) != row["state"] and not args.json:
                shown[where] = row["state"]
                late = "" if row["lateness_ms"] is None else f" {row['lateness_ms']} ms after its time"
                answer = f": {log.escape(row['answer'])}" if row["answer"] else ""
                print(
                    f"{row['transition']:5} {row['state']}{late}, {log.escape(row['destination'])}{answer}",
                    flush=True,
                )
        states = {(row["transition"], row["state"]) for row in rows}
        over = {t for t, _ in states} == {"live", "ended"} and not any(s == "pending" for _, s in states)
        if over or time.monotonic() > give_up:
            return rows
        time.sleep(POLL)
