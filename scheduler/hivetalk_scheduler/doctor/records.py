"""The database: reachable, whole, in time, and what the runs have written into it."""

import os
from collections.abc import Iterator

from hivetalk_scheduler import clock, health
from hivetalk_scheduler.check import Check, ok, warning, wrong
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.commands.db import look
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.console import Console
from hivetalk_scheduler.database import Connection, connect, translated
from hivetalk_scheduler.errors import DatabaseUnavailable, SchedulerError, parted

PATIENCE = 10.0
"""Seconds to wait for one answer."""


def database(config: Config, *, paused: bool = False) -> list[Check]:
    """Everything about the database; an error ends it, and is one of its lines. paused: no run is expected."""
    checks: list[Check] = []
    try:
        connection = connect(config)
        connection.patience = PATIENCE
        for line in look(connection):
            text, mend = parted(line["text"])
            what = f"database {line['check']}" if line["check"] != "connection" else "database"
            if line["ok"]:
                checks.append(ok(what, line["text"]))
            elif line["status"]:
                checks.append(wrong(what, text, mend, line["status"]))
            else:
                checks.append(warning(what, text, mend))
        checks.append(_clock(connection))
        connection.close()
        if not any(check.level == "wrong" for check in checks):
            checks += runs(config, paused=paused)
    except SchedulerError as error:
        text, mend = parted(str(error).removeprefix("database: "))
        if isinstance(error, DatabaseUnavailable):
            mend = error.mend
        checks.append(wrong("database", text, mend, error.status))
    return checks


def runs(config: Config, *, paused: bool) -> Iterator[Check]:
    """What `status` finds; where runs are paused, that none begins is no finding."""
    (facts,) = Console(config).ask("health")
    found = [
        finding
        for finding in health.findings(facts, config)
        if not (paused and finding.what.startswith("no run has begun"))
    ]
    for finding in found:
        if finding.level == health.FAILING:
            yield wrong("runs", finding.what, finding.step, os.EX_TEMPFAIL)
        else:
            yield warning("runs", finding.what, finding.step)
    if not found:
        ago = (facts["now"] - facts["started_at"]) / 1_000_000
        yield ok("runs", f"the last one began {ago:.0f} s ago on {facts['host']}")


def _clock(connection: Connection) -> Check:
    """This host's clock against the database's, by the best of three questions."""
    known = Clock()
    with translated():
        for _ in range(3):
            before = clock.monotonic()
            row = connection.execute("SELECT clock_timestamp() AS now", binary=True).fetchone()
            known.sync(row["now"] if row else 0, before, clock.monotonic())
    offset = known.host_offset()
    text = f"this host's is {abs(offset):.3f} s {'ahead of' if offset > 0 else 'behind'} the database's"
    if abs(offset) > health.OFFSET:
        return warning(
            "clocks",
            text,
            "the timer goes by the host's, due times by the database's: is NTP running on both?",
        )
    return ok("clocks", text)
