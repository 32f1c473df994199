"""An incident: from a run that fails to the first that completes again.

It is remembered in a file, since the database may be what is down.
"""

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from hivetalk_scheduler import log

FILE, LAST = "incident.json", "incident-over.json"
"""The incident that there is (a unit's condition looks for this very name), and the one that is over."""
CALM = 300.0
"""Seconds without a failure after which an incident is over that began soon after another: one alert for a fault
that comes and goes, not one a minute."""
PATIENCE = 86_400.0
"""Seconds after which a destination that cannot be told of the recovery is given up."""


class Told(NamedTuple):
    """What one destination has been told."""

    at: float
    """Seconds since the epoch."""
    notices: int
    """Of how many notices this was the last."""
    open: bool
    """Whether it is still to be told of the recovery."""


class Incident(NamedTuple):
    """Times are seconds since the epoch, by the host's clock."""

    since: float
    last: float
    """The last failure."""
    failures: int = 0
    again: bool = False
    """Whether it began soon after another one."""
    told: dict[str, Told] = {}  # noqa: RUF012 - never changed, only replaced

    def failed(self, now: float) -> "Incident":
        """With one more failure."""
        return self._replace(last=now, failures=self.failures + 1)

    def due(self, label: str, now: float, reminder: float) -> bool:
        """Whether the destination `label` is to be told, or reminded, that it fails."""
        told = self.told.get(label)
        # A clock that was set back must not silence it.
        return told is None or not told.open or not 0 <= now - told.at < reminder

    def calm(self, now: float) -> bool:
        """Whether a run that has completed ends it."""
        return not self.again or not 0 <= now - self.last < CALM

    def tell(self, labels: Iterable[str], now: float, *, open_: bool) -> "Incident":
        """With the destinations `labels` told at `now`."""
        told = dict(self.told)
        for label in labels:
            told[label] = Told(now, self.count(label) + 1, open_)
        return self._replace(told=told)

    def count(self, label: str) -> int:
        """How many notices `label` has had."""
        return self.told[label].notices if label in self.told else 0

    @property
    def awaiting(self) -> set[str]:
        """The destinations that are to be told of the recovery."""
        return {label for label, told in self.told.items() if told.open}


class Memory:
    """Where an incident is remembered: the first of `directories` that takes it. Raises OSError if none does."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._directories = [Path(directory) for directory in directories]

    def now(self) -> Incident | None:
        """The incident that there is; one that cannot be read is taken for one of which all is unknown."""
        return self._newest(FILE)

    def over(self) -> Incident | None:
        """The one that was over last."""
        return self._newest(LAST)

    def keep(self, incident: Incident, name: str = FILE) -> None:
        """Write it down in one step."""
        text = json.dumps(incident._asdict()).encode()
        refused: OSError | None = None
        for directory in self._directories:
            work = directory / f".{name}.new"
            try:
                with work.open("wb") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                work.replace(directory / name)
                return
            except OSError as error:  # a full disk may be what fails the runs: the next one is in memory
                refused = error
        raise refused or OSError("there is no directory to remember an incident in")

    def end(self, incident: Incident) -> None:
        """It is over."""
        self.keep(incident, LAST)
        for directory in self._directories:
            (directory / FILE).unlink(missing_ok=True)

    def _newest(self, name: str) -> Incident | None:
        found = [path for path in (directory / name for directory in self._directories) if path.is_file()]
        if not found:
            return None
        path = max(found, key=lambda one: one.stat().st_mtime)
        incident = _parsed(path)
        if incident is None:
            log.warning("incident-unreadable", file=str(path))
            incident = Incident(path.stat().st_mtime, path.stat().st_mtime)
        return incident


def _parsed(path: Path) -> Incident | None:
    try:
        given: Any = json.loads(path.read_bytes()[:1_000_000])
        told = {
            str(label): Told(_number(at), int(notices), bool(open_))
            for label, (at, notices, open_) in given["told"].items()
        }
        since, last = _number(given["since"]), _number(given["last"])
        return Incident(since, last, int(given["failures"]), bool(given["again"]), told)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number
