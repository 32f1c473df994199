"""``status``: is it fine? Then the timer, runs, next events, destinations, lateness."""

import argparse
import json
import os
import shutil
import sys
import time
from typing import Any, NamedTuple

from hivetalk_scheduler import clock, config, destinations, health, log, timer
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console, timed
from hivetalk_scheduler.database import Row
from hivetalk_scheduler.errors import SchedulerError
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.timer import Timer

COLOURS = {health.FINE: "32", health.LATE: "33", health.FAILING: "31", health.UNKNOWN: "36"}
PLUGIN = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""What a monitoring plugin calls the levels of ``health``."""
RUNS, NEXT, DESTINATIONS = 2, 3, 4
"""Lines of each on a screen; ``--json`` gives more."""
COUNTS = {"delivered": 9, "pending": 7, "overdue": 7, "retrying": 8, "dead": 5, "expired": 7}
"""The columns of a destination, and how wide each is."""


class Seen(NamedTuple):
    """How it is; of what only the database knows, nothing where that cannot be asked."""

    now: int
    """Microseconds since the epoch, by the database's clock; by this host's where there is none."""
    findings: list[health.Finding]
    timer: Timer
    runs: list[Row]
    next: list[Row]
    destinations: list[Row]
    lateness: list[Row]

    @property
    def level(self) -> int:
        """That of the worst finding."""
        return self.findings[0].level if self.findings else health.FINE


def main(args: argparse.Namespace) -> int:
    """Print the verdict and what it rests on; returns the exit status of what could not be read or asked, or 0.

    With ``--check`` one line and an exit status as monitoring plugins have them (0 to 3).
    """
    if args.check:
        return _check(args.config)
    settings, console = None, None
    while True:
        status = 0
        try:
            settings = settings or config.load(args.config)
            console = console or Console(settings)
            seen = _look(settings, console)
        except SchedulerError as error:
            # A watch goes on, over a new connection.
            if console:
                console.close()
            level = health.FAILING if settings else health.UNKNOWN
            console, seen, status = None, _blind(error, level), error.status
        text = json.dumps(_as_json(seen)) if args.json else "\n".join(_lines(seen))
        print(_screen(text) if args.watch and sys.stdout.isatty() else text, flush=True)
        if not args.watch:
            return status
        time.sleep(args.watch)


def _look(settings: Config, console: Console) -> Seen:
    (facts,), here = console.ask("health"), timer.timer()
    return Seen(
        facts["now"],
        health.ranked([*health.findings(facts, settings), *timer.findings(here)]),
        here,
        runs=console.ask("runs"),
        next=console.ask("upcoming", limit=2 * NEXT),
        destinations=console.ask("destinations", names=list(destinations.urls(settings)), limit=50),
        lateness=console.ask("lateness"),
    )


def _blind(error: SchedulerError, level: int) -> Seen:
    here = timer.timer()
    found = health.ranked([*health.unasked(error, level), *timer.findings(here)])
    return Seen(round(clock.host() * SECOND), found, here, [], [], [], [])


def _screen(text: str) -> str:
    """In place of what was there: what does not fit is cut off by the terminal, so that the verdict stays on top."""
    shown = text.splitlines()[: shutil.get_terminal_size().lines - 1]
    return "\x1b[H\x1b[2J\x1b[?7l" + "\n".join(shown) + "\x1b[?7h"


def _check(path: str) -> int:
    settings = None
    try:
        settings = config.load(path)
        console = Console(settings)
        (facts,), lateness = console.ask("health"), {row["span"]: row for row in console.ask("lateness")}
        findings = health.ranked([*health.findings(facts, settings), *timer.findings(timer.timer())])
    except SchedulerError as error:
        # That the database cannot be asked is the scheduler's trouble; anything else is the plugin's own.
        return _plugin(health.FAILING, log.escape(str(error))) if settings else unknown(error)
    except Exception as error:  # whatever it is: a plugin ends with 0 to 3
        return unknown(error)
    numbers = {name: facts[name] for name in ("pending", "overdue", "retrying", "dead", "expired")}
    if facts["started_at"] is not None:
        numbers["last_run"] = f"{(facts['now'] - facts['started_at']) / SECOND:.0f}s"
    if "hour" in lateness:
        numbers["lateness_p99"] = f"{lateness['hour']['p99']:.0f}ms"
    words = "; ".join(finding.what for finding in findings) or "fine"
    performance = " ".join(f"{name}={number}" for name, number in numbers.items())
    return _plugin(findings[0].level if findings else health.FINE, words, performance)


def unknown(error: Exception) -> int:
    """Print the line of a check that could not be made; returns its exit status."""
    words = "; ".join(str(error).splitlines())
    return _plugin(
        health.UNKNOWN,
        log.escape(words if isinstance(error, SchedulerError) else f"{type(error).__name__}: {words}"),
    )


def _plugin(level: int, words: str, performance: str = "") -> int:
    """A monitoring plugin's line, in which a ``|`` begins the performance data."""
    print(f"{PLUGIN[level]}: {words.replace('|', '/')}" + (f" | {performance}" if performance else ""))
    return level


def _as_json(seen: Seen) -> dict[str, Any]:
    return {
        "now": log.time(seen.now),
        "verdict": health.WORDS[seen.level],
        "findings": [{"level": health.WORDS[f.level], "what": f.what, "step": f.step} for f in seen.findings],
        "timer": timed([seen.timer._asdict()])[0],
        **{name: timed(getattr(seen, name)) for name in ("runs", "next", "destinations", "lateness")},
    }


def _lines(seen: Seen) -> list[str]:
    word = health.WORDS[seen.level]
    lines = [f"{_coloured(word, seen.level)}{' ' * (11 - len(word))}{log.time(seen.now)}"]
    lines += [f"           {_coloured(f.what, f.level)}: {f.step}" for f in seen.findings]
    lines.append(f"timer      {_timer(seen.timer, seen.now)}")
    for run in seen.runs[:RUNS]:
        took = "unfinished"
        if run["finished_at"] is not None:
            took = f"{(run['finished_at'] - run['started_at']) / 1e6:.1f} s"
        lines.append(
            f"run        {log.time(run['started_at'])}  {took:>10}  caught {run['caught']}, "
            f"delivered {run['delivered']}, retried {run['retried']}, failed {run['failed']}  {_short(run['host'], 20)}"
        )
    for row in seen.next[:NEXT]:
        what = _short(row["name"] or row["event_id"], 40) + ("  (test)" if row["test"] else "")
        lines.append(
            f"next       {log.time(row['due_at'])}  {_countdown(row['due_at'] - seen.now):>10}  "
            f"{row['transition']:5}  {what}"
        )
    lines += _table(seen.destinations)
    for row in seen.lateness:
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
