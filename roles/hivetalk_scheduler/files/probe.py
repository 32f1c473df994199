"""What a host is, and why it cannot be a scheduler's host, as JSON; changes nothing.

Arguments: the scheduler's name, the timer's calendar expression. Any Python 3 can read this file, so that
one that is too old can say so.
"""

import json
import os
import platform
import subprocess
import sys

NEEDED_PYTHON = (3, 11)
NEEDED_SYSTEMD = 250  # `systemd-analyze verify FILE:NAME`


def output(*command):
    done = subprocess.run(  # noqa: S603
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,  # noqa: UP021
    )
    return done.returncode, done.stdout.strip()


def systemd_version():
    try:
        return int(output("systemctl", "--version")[1].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def names(directory):
    try:
        return os.listdir(directory)  # noqa: PTH208
    except OSError:
        return []


def stale(name):
    """Which of the units systemd knows other than their files are: a deploy broke off there."""
    for suffix in ("service", "timer"):
        if (
            output("systemctl", "show", "--property=NeedDaemonReload", "--", name + "." + suffix)[1][-3:]
            == "yes"
        ):
            yield suffix


def problems(calendar):
    if sys.version_info[:2] < NEEDED_PYTHON:
        yield (
            "hivetalk_scheduler_python is {}, Python {}: it takes {}.{} or newer".format(
                sys.executable, platform.python_version(), *NEEDED_PYTHON
            )
        )
    try:
        import venv  # noqa: F401
    except ImportError:
        yield "Python's module venv is missing: install the package python3-venv, or python3 in full"
    version = systemd_version()
    if version < NEEDED_SYSTEMD:
        yield "systemd is {}: {} or newer is needed".format(version or "missing", NEEDED_SYSTEMD)
    else:
        code, said = output("systemd-analyze", "calendar", "--", calendar)
        if code != 0:
            yield "hivetalk_scheduler_on_calendar is {!r}: systemd-analyze calendar says: {}".format(  # noqa: UP032
                calendar, said
            )
    if sys.maxsize < 2**32 or platform.libc_ver()[0] != "glibc":
        yield "the machine is {} with {}: a 64-bit one with glibc is needed".format(
            platform.machine(), platform.libc_ver()[0] or "another C library"
        )


name, calendar = sys.argv[1:]
print(
    json.dumps(
        {
            "python": "{}.{}".format(*sys.version_info[:2]),
            "machine": platform.machine(),
            "releases": names("/opt/" + name + "/releases"),
            "credentials": names("/etc/" + name + "/credentials"),
            "stale_units": list(stale(name)),
            "problems": list(problems(calendar)),
        }
    )
)
