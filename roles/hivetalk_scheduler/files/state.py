"""How the scheduler of a host is doing, as JSON; changes nothing.

Arguments: the scheduler's name. Times are systemd's words in UTC.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ENVIRONMENT = os.environ | {"LC_ALL": "C", "TZ": "UTC"}


def show(unit: str, *names: str) -> dict[str, str]:
    """systemd's properties of a unit."""
    command = ["systemctl", "show", f"--property={','.join(names)}", "--", unit]
    said = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)  # noqa: S603 - no shell
    return dict(line.split("=", 1) for line in said.stdout.splitlines())


def pause(name: str) -> dict[str, str] | None:
    """What the playbook pause has written down."""
    try:
        return dict(json.loads(Path("/etc", name, "paused").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def verdict(name: str) -> dict[str, str]:
    """The program's own word, ``OK: fine | pending=3 overdue=0 ...``, in its parts; or why there is none."""
    try:
        command = [f"/usr/local/bin/{name}", "status", "--check"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60)  # noqa: S603 - no shell
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"word": "UNKNOWN", "why": str(error)}
    words, _, numbers = said.stdout.strip().rpartition(" | ")
    word, _, why = (words or said.stdout.strip()).partition(": ")
    counts = dict(number.split("=", 1) for number in numbers.split()) if words else {}
    return {"word": word or "UNKNOWN", "why": why or said.stderr.strip(), **counts}


def last_run(name: str, known: str) -> str:
    """What systemd knows since the boot; else, from before, when the timer has last elapsed."""
    stamp = Path(f"/var/lib/systemd/timers/stamp-{name}.timer")
    if known or not stamp.exists():
        return known
    return f"{datetime.fromtimestamp(stamp.stat().st_mtime, UTC):%a %Y-%m-%d %H:%M:%S UTC}"


def state(name: str) -> dict[str, Any] | None:
    """All of it; None if there is no such scheduler."""
    timer = show(f"{name}.timer", "LoadState", "ActiveState", "UnitFileState", "NextElapseUSecRealtime")
    if timer["LoadState"] != "loaded":
        return None
    service = show(f"{name}.service", "ActiveState", "Result", "ExecMainStartTimestamp", "ExecMainStatus")
    current = Path("/opt", name, "current")
    return {
        "release": current.readlink().name if current.is_symlink() else "",
        "timer": timer["ActiveState"]
        + ("" if timer["UnitFileState"] == "enabled" else f", {timer['UnitFileState']}"),
        "last": last_run(name, service["ExecMainStartTimestamp"]),
        "result": ""
        if service["Result"] == "success"
        else f"{service['Result']} {service['ExecMainStatus']}",
        "working": service["ActiveState"] == "activating",
        "next": timer["NextElapseUSecRealtime"],
        "paused": pause(name),
        "verdict": verdict(name),
    }


if __name__ == "__main__":
    print(json.dumps(state(sys.argv[1])))
