"""What systemd and the host say: the timer, the last run, the pause, the clock, the disks, the sandbox."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hivetalk_scheduler.check import Check, ok, warning, wrong

Unit = dict[str, str]
"""A unit's properties."""

LIMIT = 8.0
"""Seconds that one program may take."""
NEEDED, SCARCE = 60, 300
"""MB free: what a release takes, and what is soon too little."""
EXPOSURE = 1.1
"""What the unit as it comes is given by systemd-analyze security."""
UNAVAILABLE, FAILED = 69, 70  # EX_UNAVAILABLE, EX_SOFTWARE


def said(*command: str) -> str | None:
    """What a program says; None if it cannot be asked, fails, or takes too long."""
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)  # noqa: S603 - no shell
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def unit(name: str) -> Unit:
    """systemd's properties of a unit; nothing where there is no systemd."""
    return dict(
        line.split("=", 1)
        for line in (said("systemctl", "show", "--", name) or "").splitlines()
        if "=" in line
    )


def timer(name: str, service: Unit) -> Iterator[Check]:
    """Whether runs are started, and how the last one ended."""
    found = unit(f"{name}.timer")
    if not found:
        yield warning("timer", "systemd cannot be asked", "on a host with systemd, see systemctl list-timers")
        return
    if found.get("LoadState") != "loaded":
        yield wrong("timer", f"there is no {name}.timer", "deploy the role", UNAVAILABLE)
        return
    paused = pause(name)
    if paused:
        yield warning("timer", paused, "the playbook resume ends it; else it ends by itself")
    else:
        yield from _active(name, found)
    if service.get("Result", "success") != "success":
        status = int(service.get("ExecMainStatus", "0") or 0)
        text = f"the last run ended with {service['Result']} {status or ''}".strip()
        shown = status if 64 <= status <= 78 else FAILED
        yield wrong("last run", text, f"journalctl -u {name} -n 20 says why", shown)
    if "yes" in (service.get("NeedDaemonReload"), found.get("NeedDaemonReload")):
        yield warning("units", "systemd goes by older files than there are", "systemctl daemon-reload")


def _active(name: str, found: Unit) -> Iterator[Check]:
    if found.get("ActiveState") != "active":
        text = f"{name}.timer is {found.get('ActiveState')}: no run is started, nothing is announced"
        yield wrong("timer", text, f"systemctl enable --now {name}.timer", UNAVAILABLE)
    elif found.get("UnitFileState") != "enabled":
        text = f"{name}.timer is {found.get('UnitFileState')}: after a reboot no run is started"
        yield wrong("timer", text, f"systemctl enable {name}.timer", UNAVAILABLE)
    else:
        # Empty while a run is at work: the next tick is worked out when it ends.
        following = found.get("NextElapseUSecRealtime") or "at the end of the run that is at work"
        yield ok("timer", f"active and enabled; next run {following}")


def pause(name: str) -> str:
    """What the playbook pause has written down, in a sentence; nothing if there is no pause."""
    try:
        found = json.loads(Path("/etc", name, "paused").read_bytes())
        return f"paused until {found['until']}: {found['reason']} ({found['by']})"
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        return "paused; the file that says why cannot be read"


def clock() -> Check:
    """Whether something keeps the host's clock."""
    found = dict(
        line.split("=", 1) for line in (said("timedatectl", "show") or "").splitlines() if "=" in line
    )
    if found.get("NTPSynchronized") == "yes":
        return ok("clock", "synchronized (timedatectl)")
    mend = "systemctl enable --now systemd-timesyncd, or chrony; in a container the host's is what counts"
    if not found:
        return warning("clock", "whether NTP keeps it is not known: timedatectl does not answer", mend)
    return warning("clock", "not synchronized by NTP; the timer goes by it", mend)


def disks(name: str) -> Iterator[Check]:
    """Whether there is room for a release, and for what a run writes."""
    for directory in (Path("/opt", name), Path("/var/lib", name)):
        if not directory.exists():
            continue
        free = shutil.disk_usage(directory).free // 1_000_000
        text = f"{free} MB free"
        mend = "make room: the journal (journalctl --vacuum-size=), old packages (apt-get clean)"
        if free < NEEDED:
            yield wrong(f"disk {directory}", f"{text}; a release needs {NEEDED}", mend, 75)
        elif free < SCARCE:
            yield warning(f"disk {directory}", text, mend)
        else:
            yield ok(f"disk {directory}", text)


def sandbox(name: str) -> Check:
    """What systemd thinks of the service's sandbox."""
    text = said("systemd-analyze", "security", "--no-pager", f"{name}.service") or ""
    found = re.search(r"Overall exposure level.*?: ([0-9.]+)", text)
    if not found:
        return ok("sandbox", "not measured: systemd-analyze does not answer")
    if float(found[1]) > EXPOSURE:
        mend = f"see what was added: systemctl cat {name}.service; a deploy restores the unit"
        return warning("sandbox", f"an exposure of {found[1]}; as it comes it is {EXPOSURE}", mend)
    return ok("sandbox", f"an exposure of {found[1]} of 10")
