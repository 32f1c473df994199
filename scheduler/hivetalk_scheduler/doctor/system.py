"""What systemd and the host say: the timer, the last run, the pause, the clock, the disks, the sandbox."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hivetalk_scheduler import health, log
from hivetalk_scheduler import timer as timers
from hivetalk_scheduler.check import Check, ok, warning, wrong
from hivetalk_scheduler.timer import Timer

Unit = dict[str, str]
"""A unit's properties."""

LIMIT = 8.0
"""Seconds that one program may take."""
NEEDED, SCARCE = 60, 300
"""MB free: what a release takes, and what is soon too little."""
EXPOSURE = 1.1
"""What the unit as it comes is given by systemd-analyze security."""


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


def timer(here: Timer, service: Unit) -> Iterator[Check]:
    """Whether runs are started, and how the last one ended."""
    name = here.name.removesuffix(".timer")
    found = unit(here.name)
    if not found:
        yield warning("timer", "systemd cannot be asked", "on a host with systemd, see systemctl list-timers")
        return
    if here.state == "unknown":
        yield wrong("timer", f"there is no {here.name}", "deploy the role", os.EX_UNAVAILABLE)
        return
    for finding in timers.findings(here):
        if finding.level == health.FAILING:
            yield wrong("timer", finding.what, finding.step, os.EX_UNAVAILABLE)
        else:
            yield warning("timer", finding.what, finding.step)
        break
    else:
        yield _enabled(here, found)
    if service.get("Result", "success") != "success":
        status = int(service.get("ExecMainStatus", "0") or 0)
        text = f"the last run ended with {service['Result']} {status or ''}".strip()
        shown = status if os.EX_USAGE <= status <= os.EX_CONFIG else os.EX_SOFTWARE
        yield wrong("last run", text, f"journalctl -u {name} -n 20 says why", shown)
    if "yes" in (service.get("NeedDaemonReload"), found.get("NeedDaemonReload")):
        yield warning("units", "systemd goes by older files than there are", "systemctl daemon-reload")


def _enabled(here: Timer, found: Unit) -> Check:
    if found.get("UnitFileState") != "enabled":
        text = f"{here.name} is {found.get('UnitFileState')}: after a reboot no run is started"
        return wrong("timer", text, f"systemctl enable {here.name}", os.EX_UNAVAILABLE)
    # Systemd works the next tick out when the run that is at work has ended.
    following = log.time(here.next_at) if here.next_at else "after the one that is at work"
    return ok("timer", f"active and enabled; the next run {following}")


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
            yield wrong(f"disk {directory}", f"{text}; a release needs {NEEDED}", mend, os.EX_TEMPFAIL)
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
