"""``test-event``: a marked event that takes the real path through the timer."""

import argparse
import json
import os
import time
from typing import Any

from hivetalk_scheduler import config, log
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.database import Connection, connect, translated
from hivetalk_scheduler.errors import TryAgain

POLL = 0.5
"""Seconds between two looks."""

INSERT = """
INSERT INTO hivetalk_scheduler.test_event (event_id, name, starts_at, ends_at)
SELECT %(id)s, 'HiveTalk Scheduler test event', t.start, t.start + make_interval(secs => %(for_)s)
  FROM (SELECT clock_timestamp() + make_interval(secs => %(in_)s) AS start) AS t
RETURNING starts_at, ends_at
"""
LOOK = """
SELECT transition, destination, state, due_at, fired_at, attempts, answer,
       round(extract(epoch FROM fired_at - due_at) * 1000)::integer AS lateness_ms
  FROM hivetalk_scheduler.delivery WHERE event_id = %(id)s AND test ORDER BY due_at, destination
"""


def main(args: argparse.Namespace) -> int:
    """Write the event, follow it with ``--wait``; raises TryAgain if it does not arrive."""
    settings = config.load(args.config)
    connection = connect(settings)
    event_id = f"test-{os.urandom(6).hex()}"
    with translated():
        row = connection.execute(
            INSERT, {"id": event_id, "in_": args.in_, "for_": args.for_}, binary=True
        ).fetchone()
    assert row is not None  # noqa: S101 - INSERT … RETURNING gives its row
    if not args.json:
        print(
            f"{event_id}: live at {log.time(row['starts_at'])}, ended at {log.time(row['ends_at'])}",
            flush=True,
        )
    if not args.wait:
        if args.json:
            print(json.dumps({"event_id": event_id, "deliveries": []}))
        return 0
    rows = _follow(connection, settings, event_id, args)
    if args.json:
        times = [
            {**r, "due_at": log.time(r["due_at"]), "fired_at": r["fired_at"] and log.time(r["fired_at"])}
            for r in rows
        ]
        print(json.dumps({"event_id": event_id, "deliveries": times}))
    wrong = [r for r in rows if r["state"] != "delivered"]
    if wrong or {r["transition"] for r in rows} != {"live", "ended"}:
        raise TryAgain(
            f"{event_id} was not delivered everywhere: {len(rows) - len(wrong)} of {len(rows)} deliveries arrived; "
            "see journalctl -u hivetalk-scheduler, and hivetalk-scheduler status"
        )
    return 0


def _follow(
    connection: Connection, settings: Config, event_id: str, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Poll until everything has ended, or a run after the event's end should long have been."""
    patience = 2 * (settings.interval + settings.jitter + settings.accuracy) + settings.delivery_timeout + 10
    give_up = time.monotonic() + args.in_ + args.for_ + patience
    shown: dict[tuple[str, str], str] = {}
    while True:
        with translated():
            rows = connection.execute(LOOK, {"id": event_id}, binary=True).fetchall()
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
