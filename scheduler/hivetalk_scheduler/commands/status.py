"""``status``: is it fine? Then the timer, runs, next events, destinations, lateness."""

import argparse
import json
import os
import shutil
import sys
import time
from typing import Any

from hivetalk_scheduler import config, destinations, health, log, timer
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console, timed
from hivetalk_scheduler.database import Row
from hivetalk_scheduler.errors import SchedulerError
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.timer import Timer

COLOURS = {health.FINE: "32", health.LATE: "33", health.FAILING: "31", health.UNKNOWN: "36"}
RUNS, NEXT, DESTINATIONS = 2, 3, 4
"""Lines of each on a screen; ``--json`` gives more."""
COUNTS = {"delivered": 9, "pending": 7, "overdue": 7, "retrying": 8, "dead": 5, "expired": 7}
"""The columns of a destination, and how wide each is."""


def main(args: argparse.Namespace) -> int:
    """Print the verdict and what it rests on; raises SchedulerError.

    With ``--check`` one line and an exit status as monitoring plugins have them (0 to 3).
    """
    settings = config.load(args.config)
    if args.check:
        return _check(settings)
    console = Console(settings)
    while True:
        (facts,), here = console.ask("health"), timer.timer()
        found = {
            "runs": console.ask("runs"),
            "next": console.ask("upcoming", limit=2 * NEXT),
            "destinations": console.ask("destinations", names=list(destinations.urls(settings)), limit=50),
            "lateness": console.ask("lateness"),
        }
        text = (
            json.dumps(_as_json(facts, here, found, settings))
            if args.json
            else "\n".join(_lines(facts, here, found, settings))
        )
        print(_screen(text) if args.watch and sys.stdout.isatty() else text, flush=True)
        if not args.watch:
            return 0
        time.sleep(args.watch)


def _screen(text: str) -> str:
    """In place of what was there: what does not fit is cut off by the terminal, so that the verdict stays on top."""
    shown = text.splitlines()[: shutil.get_terminal_size().lines - 1]
    return "\x1b[H\x1b[2J\x1b[?7l" + "\n".join(shown) + "\x1b[?7h"


def _verdict(facts: Row, here: Timer, settings: Config) -> tuple[int, list[health.Finding]]:
    found = [*health.findings(facts, settings), *timer.findings(here)]
    found.sort(key=lambda finding: -finding.level)
    return (found[0].level if found else health.FINE), found


def _check(settings: Config) -> int:
    try:
        console = Console(settings)
        (facts,), lateness = console.ask("health"), {row["span"]: row for row in console.ask("lateness")}
    except SchedulerError as error:
        print(f"CRITICAL: {log.escape(str(error))}")
        return health.FAILING
    level, findings = _verdict(facts, timer.timer(), settings)
    words = "; ".join(finding.what for finding in findings) or "fine"
    numbers = {name: facts[name] for name in ("pending", "overdue", "retrying", "dead", "expired")}
    if facts["started_at"] is not None:
        numbers["last_run"] = f"{(facts['now'] - facts['started_at']) / SECOND:.0f}s"
    if "hour" in lateness:
        numbers["lateness_p99"] = f"{lateness['hour']['p99']:.0f}ms"
    said = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[level]
    print(f"{said}: {words} | {' '.join(f'{name}={number}' for name, number in numbers.items())}")
    return level


def _as_json(facts: Row, here: Timer, found: dict[str, list[Row]], settings: Config) -> dict[str, Any]:
    level, findings = _verdict(facts, here, settings)
    return {
        "now": log.time(facts["now"]),
        "verdict": health.WORDS[level],
        "findings": [{"level": health.WORDS[f.level], "what": f.what, "step": f.step} for f in findings],
        "timer": timed([here._asdict()])[0],
        **{name: timed(rows) for name, rows in found.items()},
    }


def _lines(facts: Row, here: Timer, found: dict[str, list[Row]], settings: Config) -> list[str]:
    level, findings = _verdict(facts, here, settings)
    lines = [
        f"{_coloured(health.WORDS[level], level)}{' ' * (11 - len(health.WORDS[level]))}{log.time(facts['now'])}"
    ]
    lines += [f"           {_coloured(f.what, f.level)}: {f.step}" for f in findings]
    lines.append(f"timer      {_timer(here, facts['now'])}")
    for run in found["runs"][:RUNS]:
        took = "unfinished"
        if run["finished_at"] is not None:
            took = f"{(run['finished_at'] - run['started_at']) / 1e6:.1f} s"
        lines.append(
            f"run        {log.time(run['started_at'])}  {took:>10}  caught {run['caught']}, "
            f"delivered {run['delivered']}, retried {run['retried']}, failed {run['failed']}  {_short(run['host'], 20)}"
        )
    for row in found["next"][:NEXT]:
        what = _short(row["name"] or row["event_id"], 40) + ("  (test)" if row["test"] else "")
        lines.append(
            f"next       {log.time(row['due_at'])}  {_countdown(row['due_at'] - facts['now']):>10}  "
            f"{row['transition']:5}  {what}"
        )
    lines += _table(found["destinations"])
    for row in found["lateness"]:
        figures = ", ".join(f"{name} {row[name]:.0f} ms" for name in ("p50", "p99", "max"))
        lines.append(f"lateness   {figures} over the last {row['span']} (n = {row['n']})")
    return lines


def _timer(here: Timer, now: int) -> str:
    if here.state == "unknown":
        return "not known here: systemctl list-timers, on the scheduler's host"
    ahead = (
        "" if here.next_at is None else f", next {log.time(here.next_at)} ({_countdown(here.next_at - now)})"
    )
    if here.state == "active" and not ahead:
        ahead = ", a run is at work"
    last = "" if here.last_at is None else f", last {log.time(here.last_at)}"
    return f"{here.state}{ahead}{last}"


def _table(rows: list[Row]) -> list[str]:
    """The destinations, the worst first; a count that is bad has its colour."""
    if not rows:
        return []
    lines = [
        f"{'':10} {' '.join(f'{name:>{width}}' for name, width in COUNTS.items())}  destination, of the last day"
    ]
    for row in rows[:DESTINATIONS]:
        bad = {
            "dead": health.FAILING,
            "overdue": health.LATE,
            "retrying": health.LATE,
            "expired": health.LATE,
        }
        cells = []
        for name, width in COUNTS.items():
            cell = f"{row[name]:{width}}"
            cells.append(_coloured(cell, bad[name]) if name in bad and row[name] else cell)
        rests = (
            f"  rests until {log.time(row['probe_at'])[11:19]}" if row["rests"] and row["probe_at"] else ""
        )
        lines.append(f"{'':10} {' '.join(cells)}  {_short(row['name'], 60)}{rests}")
    left = rows[0]["total"] - len(rows[:DESTINATIONS])
    return [*lines, f"{'':10} and {left} more"] if left else lines


def _short(text: str, longest: int) -> str:
    shown = log.escape(text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


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
