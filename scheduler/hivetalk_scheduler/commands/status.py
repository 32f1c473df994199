"""``status``: is it fine? Then runs, next events, deliveries by state, lateness."""

import argparse
import json
import os
import sys
import time
from typing import Any

from hivetalk_scheduler import config, health, log
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console, timed
from hivetalk_scheduler.database import Row
from hivetalk_scheduler.errors import SchedulerError
from hivetalk_scheduler.event import SECOND

COLOURS = {health.FINE: "32", health.LATE: "33", health.FAILING: "31", health.UNKNOWN: "36"}
PARTS = ("runs", "following", "counts", "resting", "lateness")


def main(args: argparse.Namespace) -> int:
    """Print the verdict and what it rests on; raises SchedulerError.

    With ``--check`` one line and an exit status as monitoring plugins have them (0 to 3).
    """
    settings = config.load(args.config)
    if args.check:
        return _check(settings)
    console = Console(settings)
    while True:
        (facts,), found = console.ask("health"), {name: console.ask(name) for name in PARTS}
        if args.watch:
            print("\x1b[H\x1b[2J" if sys.stdout.isatty() else "", end="")
        if args.json:
            print(json.dumps(_as_json(facts, found, settings)), flush=True)
        else:
            print("\n".join(_lines(facts, found, settings)), flush=True)
        if not args.watch:
            return 0
        time.sleep(args.watch)


def _verdict(facts: Row, settings: Config) -> tuple[int, list[health.Finding]]:
    findings = health.findings(facts, settings)
    return (findings[0].level if findings else health.FINE), findings


def _check(settings: Config) -> int:
    try:
        console = Console(settings)
        (facts,), lateness = console.ask("health"), {row["span"]: row for row in console.ask("lateness")}
    except SchedulerError as error:
        print(f"CRITICAL: {log.escape(str(error))}")
        return health.FAILING
    level, findings = _verdict(facts, settings)
    words = "; ".join(finding.what for finding in findings) or "fine"
    numbers = {name: facts[name] for name in ("pending", "overdue", "retrying", "dead", "expired")}
    if facts["started_at"] is not None:
        numbers["last_run"] = f"{(facts['now'] - facts['started_at']) / SECOND:.0f}s"
    if "hour" in lateness:
        numbers["lateness_p99"] = f"{lateness['hour']['p99']:.0f}ms"
    said = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[level]
    print(f"{said}: {words} | {' '.join(f'{name}={number}' for name, number in numbers.items())}")
    return level


def _as_json(facts: Row, found: dict[str, list[Row]], settings: Config) -> dict[str, Any]:
    level, findings = _verdict(facts, settings)
    names = {"following": "next", "counts": "deliveries"}
    return {
        "now": log.time(facts["now"]),
        "verdict": health.WORDS[level],
        "findings": [{"level": health.WORDS[f.level], "what": f.what, "step": f.step} for f in findings],
        **{names.get(name, name): timed(rows) for name, rows in found.items()},
    }


def _lines(facts: Row, found: dict[str, list[Row]], settings: Config) -> list[str]:
    level, findings = _verdict(facts, settings)
    lines = [f"{_coloured(health.WORDS[level], level)}       {log.time(facts['now'])}"]
    lines += [f"           {_coloured(f.what, f.level)}: {f.step}" for f in findings]
    for run in found["runs"]:
        took = "unfinished"
        if run["finished_at"] is not None:
            took = f"{(run['finished_at'] - run['started_at']) / 1e6:.1f} s"
        lines.append(
            f"run        {log.time(run['started_at'])}  {took}  caught {run['caught']}, "
            f"delivered {run['delivered']}, retried {run['retried']}, failed {run['failed']}  {log.escape(run['host'])}"
        )
    for row in found["following"]:
        attempts = f"  after {row['attempts']} attempts" if row["attempts"] else ""
        lines.append(
            f"next       {log.time(row['due_at'])}  {_countdown(row['due_at'] - facts['now']):>10}  "
            f"{row['transition']:7}  {log.escape(row['event_id'])}  {log.escape(row['destination'])}{attempts}"
        )
    for row in found["counts"]:
        lines.append(f"{row['state']:10} {row['n']:6}  {log.escape(row['destination'])}")
    for row in found["resting"]:
        lines.append(f"resting    until {log.time(row['probe_at'])}  {log.escape(row['name'])}")
    for row in found["lateness"]:
        figures = ", ".join(f"{name} {row[name]:.0f} ms" for name in ("p50", "p99", "max"))
        lines.append(f"lateness   {figures} over the last {row['span']} (n = {row['n']})")
    return lines


def _countdown(microseconds: int) -> str:
    """As in "in 1:02:03", or "0:12 ago"."""
    minutes, seconds = divmod(abs(microseconds) // SECOND, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"in {clock}" if microseconds >= 0 else f"{clock} ago"


def _coloured(text: str, level: int) -> str:
    """With a colour only on a terminal (https://no-color.org), where it adds nothing to the words."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{COLOURS[level]}m{text}\x1b[0m"
