"""This host's timer: what systemd knows of it, and the pause that an operator has made."""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from hivetalk_scheduler import health, log
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.release import name

_PROPERTIES = "LoadState,ActiveState,NextElapseUSecRealtime,LastTriggerUSec"


class Timer(NamedTuple):
    """Times are microseconds since the epoch, by the host's clock; None where there is none."""

    name: str
    state: str
    """As systemd has it (active, inactive, failed); "unknown" where there is no systemd or no such timer."""
    next_at: int | None = None
    """None while a run is at work, too."""
    last_at: int | None = None
    pause: dict[str, str] | None = None
    """What the playbook ``pause`` has written: since, until, reason, by."""


def timer() -> Timer:
    """As it is now; asks nobody but this host, and never fails."""
    unit = f"{name()}.timer"
    command = ["systemctl", "show", "--timestamp=unix", f"--property={_PROPERTIES}", "--", unit]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5)  # noqa: S603 - no shell, a fixed name
        known = dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)
    except (OSError, subprocess.TimeoutExpired):
        known = {}
    if known.get("LoadState") != "loaded":
        return Timer(unit, "unknown", pause=_pause())
    ahead, last = (_time(known.get(word, "")) for word in ("NextElapseUSecRealtime", "LastTriggerUSec"))
    return Timer(unit, known.get("ActiveState", "unknown"), ahead, last, _pause())


def findings(timer: Timer) -> list[health.Finding]:
    """What is wrong with it; nothing where it is not known here."""
    if timer.pause:
        what = "paused until {until}: {reason} ({by})".format_map(timer.pause)
        return [
            health.Finding(health.LATE, log.escape(what), "it ends by itself, or by playbooks/resume.yml")
        ]
    if timer.state in ("active", "unknown"):
        return []
    what = f"{timer.name} is {timer.state}: this host begins no run"
    return [health.Finding(health.FAILING, what, f"systemctl enable --now {timer.name}")]


def _time(word: str) -> int | None:
    return int(word[1:]) * SECOND if word.startswith("@") and word[1:].isdigit() else None


class _Said(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def _pause() -> dict[str, str] | None:
    try:
        found: Any = json.loads(Path("/etc", name(), "paused").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _Said({str(k): str(v) for k, v in found.items()}) if isinstance(found, dict) else None
