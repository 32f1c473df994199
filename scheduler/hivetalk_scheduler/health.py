"""Is it fine? A pure function of what the database knows, and of the settings."""

from typing import Any, NamedTuple

from hivetalk_scheduler import log
from hivetalk_scheduler.config import Config, longest_hold
from hivetalk_scheduler.errors import DatabaseUnavailable, SchedulerError, parted
from hivetalk_scheduler.event import SECOND

FINE, LATE, FAILING, UNKNOWN = range(4)
"""As the monitoring plugins' exit statuses have it: OK, WARNING, CRITICAL, UNKNOWN."""
WORDS = ("fine", "late", "failing", "unknown")
PATIENCE = 300
"""Seconds after which what is overdue is no longer a delay, but a failure."""
PROBLEMS = 5
"""Of a configuration, as many as a screen has room for."""
OFFSET = 1.0
"""Seconds by which a host's clock may be wrong without a word: the timer goes by it."""


class Finding(NamedTuple):
    """Something that is not as it should be."""

    level: int
    what: str
    step: str
    """What to do about it."""


def findings(facts: dict[str, Any], config: Config) -> list[Finding]:
    """What is wrong, the worst first; nothing if all is fine.

    `facts`: the row of ``health`` in ``sql/console.sql``; its times are microseconds since the epoch.
    """
    return ranked([*_runs(facts, config), *_deliveries(facts), *_surroundings(facts)])


def ranked(found: list[Finding]) -> list[Finding]:
    """The worst first. That nothing is known yet hides nothing that is known."""
    return sorted(found, key=lambda finding: (FAILING, LATE, UNKNOWN, FINE).index(finding.level))


def unasked(error: SchedulerError, level: int) -> list[Finding]:
    """What is wrong where the settings cannot be read, or the database cannot be asked."""
    lines = str(error).splitlines()
    found = [Finding(level, *map(log.escape, parted(line))) for line in lines[:PROBLEMS]]
    if isinstance(error, DatabaseUnavailable):
        found = [finding._replace(step=error.mend) for finding in found]
    if len(lines) > PROBLEMS:
        found.append(Finding(level, f"and {len(lines) - PROBLEMS} more", "config check shows them all"))
    return found


def _runs(facts: dict[str, Any], config: Config) -> list[Finding]:
    now, cycle = facts["now"], longest_hold(config)
    if facts["started_at"] is None:
        return [Finding(UNKNOWN, "no run yet", "systemctl list-timers shows when the next one is due")]
    began = (now - facts["started_at"]) / SECOND
    if began > 2 * cycle:
        return [
            Finding(
                FAILING, f"no run has begun for {began:.0f} s", "is the timer active? systemctl list-timers"
            )
        ]
    completed = None if facts["finished_at"] is None else (now - facts["finished_at"]) / SECOND
    if completed is None or completed > 2 * cycle + config.timeout:
        since = "none has ever" if completed is None else f"none has for {completed:.0f} s"
        # A first run may still be holding.
        if completed is not None or began > config.timeout:
            return [Finding(FAILING, f"runs begin, but do not complete: {since}", "journalctl says why")]
    return []


def _deliveries(facts: dict[str, Any]) -> list[Finding]:
    found = []
    if facts["overdue"]:
        waits = (facts["now"] - facts["oldest"]) / SECOND
        what = f"{facts['overdue']} overdue, the oldest for {waits:.0f} s"
        found.append(
            Finding(FAILING if waits > PATIENCE else LATE, what, "deliveries list --state pending shows them")
        )
    if facts["dead"]:
        what = f"{facts['dead']} dead in the last day"
        found.append(
            Finding(FAILING, what, "deliveries list --state dead says why; deliveries retry sends again")
        )
    if facts["expired"]:
        what = f"{facts['expired']} expired in the last day"
        found.append(
            Finding(LATE, what, "deliveries list --state expired; deliveries retry sends all the same")
        )
    if facts["retrying"]:
        found.append(
            Finding(LATE, f"{facts['retrying']} being retried", "deliveries list --state pending says why")
        )
    return found


def _surroundings(facts: dict[str, Any]) -> list[Finding]:
    found = []
    for name in facts["resting"]:
        what = f"{log.escape(name)} rests: it failed again and again"
        found.append(Finding(LATE, what, "it is tried again by itself; is it up?"))
    offset = facts["offset"] or 0.0
    if abs(offset) > OFFSET:
        what = f"{log.escape(facts['host'])}'s clock is {abs(offset):.1f} s {'ahead' if offset > 0 else 'behind'}"
        found.append(Finding(LATE, what, "the timer goes by it: is NTP running?"))
    return found
