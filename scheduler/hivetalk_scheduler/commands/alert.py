"""``alert failed|recovered``: tell the operator of a run that failed, or of the first that completes again.

For the units that the service starts by OnFailure= and OnSuccess=. Nothing here asks the database.
"""

import argparse
import asyncio
import fcntl
import os
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from hivetalk_scheduler import clock, config, destinations, log
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.errors import TryAgain, UsageError
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.incident import PATIENCE, Incident, Memory
from hivetalk_scheduler.message import Answer
from hivetalk_scheduler.notice import LINES, Kind, Notice, Subject, compose
from hivetalk_scheduler.release import release

LIMIT = 20.0
"""Seconds that one destination may take, whatever delivery_timeout is: the unit itself is ended after 60."""


def main(args: argparse.Namespace) -> int:
    """Tell whom it concerns; raises TryAgain if one could not be told, and the next run's end tries again."""
    directories = [os.environ.get(name, "") for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY")]
    if not all(directories) or "MONITOR_UNIT" not in os.environ:
        raise UsageError("alert is what the scheduler's units run after a run; see docs/alerts.md")
    # Whatever else is wrong with the configuration may be why runs fail.
    settings = config.sound_part(args.config)
    settings = settings._replace(delivery_timeout=min(settings.delivery_timeout, LIMIT))
    urls = {label: url for url in settings.alerts if (label := _label(url, secret=False))}
    urls |= {label: url for url in settings.secrets.alerts if (label := _label(url, secret=True))}
    memory = Memory(directories)
    with Path(directories[1], "lock").open("w") as lock:
        # One at a time: a run may complete while its predecessor's failure is being told.
        fcntl.flock(lock, fcntl.LOCK_EX)
        untold = (
            _failed(settings, urls, memory) if args.kind == "failed" else _recovered(settings, urls, memory)
        )
    if untold:
        raise TryAgain(f"not told: {', '.join(sorted(untold))}")
    return 0


def _label(url: str, *, secret: bool) -> str | None:
    try:
        destinations.check(url, secret=secret, alert=True)
        return destinations.label(url, secret=secret)
    except ValueError as error:
        log.warning("alert-refused", error=str(error))
        return None


def _failed(settings: Config, urls: dict[str, str], memory: Memory) -> set[str]:
    """Tell and remind; returns the destinations that could not be told."""
    now = clock.host()
    incident = memory.now()
    if incident is None:
        last = memory.over()
        again = last is not None and 0 <= now - last.last < settings.alert_reminder
        incident = Incident(now, now, again=again)
    incident = incident.failed(now)
    # Before anything is sent: one that is cut off is remembered.
    memory.keep(incident)
    due = {label for label in urls if incident.due(label, now, settings.alert_reminder)}
    if not due:
        return set()
    subject = _subject(_journal(os.environ.get("MONITOR_INVOCATION_ID", "")))
    kinds: dict[str, Kind] = {label: "failing" if label in incident.awaiting else "failed" for label in due}
    told = asyncio.run(_tell(settings, urls, kinds, incident, subject, now))
    memory.keep(incident.tell(told, now, open_=True))
    return due - told


def _recovered(settings: Config, urls: dict[str, str], memory: Memory) -> set[str]:
    """Tell whoever was told of the failure; returns the destinations that could not be told."""
    now = clock.host()
    incident = memory.now()
    if incident is None or not incident.calm(now):
        return set()
    # Of one that cannot be read it is not known who was told.
    due = {label for label in urls if label in incident.awaiting or not incident.failures}
    kinds: dict[str, Kind] = dict.fromkeys(due, "recovered")
    told = asyncio.run(_tell(settings, urls, kinds, incident, _subject(()), now))
    incident = incident.tell(told, now, open_=False)
    if due - told and 0 <= now - incident.last < PATIENCE:
        memory.keep(incident)
        return due - told
    memory.end(incident)
    return set()


async def _tell(
    settings: Config,
    urls: dict[str, str],
    kinds: dict[str, Kind],
    incident: Incident,
    subject: Subject,
    now: float,
) -> set[str]:
    """Tell each destination of `kinds`, side by side; returns those that were told."""

    async def one(label: str, kind: Kind) -> bool:
        key = f"{subject.host} {subject.unit} {incident.since} {kind} {incident.count(label)}"
        notice = compose(
            kind, key, round(now * SECOND), round(incident.since * SECOND), incident.failures, subject
        )
        answer = await _answer(urls[label], settings, notice)
        word = "alert-sent" if answer.verdict == "done" else "alert-failed"
        level = log.NOTICE if answer.verdict == "done" else log.WARNING
        log.write(level, word, destination=label, kind=kind, answer=answer.text or None)
        return answer.verdict == "done"

    told = await asyncio.gather(*(one(label, kind) for label, kind in kinds.items()))
    return {label for label, done in zip(kinds, told, strict=True) if done}


async def _answer(url: str, settings: Config, notice: Notice) -> Answer:
    try:
        destination = destinations.create(url, settings)
    except ValueError as error:
        return Answer("permanent", str(error))
    try:
        async with asyncio.timeout(settings.delivery_timeout + 1):
            return await destination.tell(notice)
    except Exception as error:  # a destination's bug must not keep the others from being told
        return Answer("retry", f"{type(error).__name__}: {error}"[:500])
    finally:
        await destination.close()


def _subject(lines: Iterable[str]) -> Subject:
    said = os.environ.get
    return Subject(
        host=socket.gethostname(),
        unit=said("MONITOR_UNIT", ""),
        release=release(),
        result=said("MONITOR_SERVICE_RESULT", ""),
        status=said("MONITOR_EXIT_STATUS", ""),
        lines=tuple(lines),
    )


def _journal(invocation: str) -> list[str]:
    """The last lines of the run that failed, and systemd's own about it; none if the journal cannot be read."""
    if not invocation:
        return []
    fields = [f"_SYSTEMD_INVOCATION_ID={invocation}", "+", f"INVOCATION_ID={invocation}"]
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", f"--lines={LINES}", *fields]
    try:
        said = subprocess.run(command, capture_output=True, timeout=10, check=True)  # noqa: S603 - our own words, no shell
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("journal-unreadable", error=type(error).__name__)
        return []
    return said.stdout.decode("utf-8", "replace").splitlines()[-LINES:]
