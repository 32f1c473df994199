"""What a host is, and why it cannot be a scheduler's host, as JSON; changes nothing.

Arguments: the scheduler's name, its on_calendar (or nothing), its interval, the text of releases.py. Any Python 3 can
read this file, so that one that is too old can say so.
"""
# ruff: noqa: UP032

import contextlib
import functools
import glob
import grp
import importlib.util
import io
import json
import os
import platform
import pwd
import re
import subprocess
import sys
from datetime import datetime, timedelta

NEEDED_PYTHON = (3, 11)
NEEDED_SYSTEMD = 251  # `systemd-analyze verify FILE:NAME`; $MONITOR_UNIT for OnFailure=
TICKS = (
    2000,
    20000,
    100000,
)  # that a calendar expression is judged by, of minutes, or of seconds: more than a day
LONGEST = 3600  # of interval, in seconds


def output(*command):
    try:
        done = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,  # nobody is there to answer a question
            env=dict(os.environ, LC_ALL="C", TZ="UTC"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,  # noqa: UP021
            cwd="/",  # where anybody may be: psql would complain of root's home
        )
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout.strip("\n")


@functools.lru_cache()  # noqa: UP011
def systemd():
    return output("systemctl", "--version")[1]


def systemd_version():
    found = re.match(r"systemd (\d+)", systemd())
    return int(found.group(1)) if found else 0


def encrypts():
    """Whether systemd can encrypt secrets with a key of this host that outlives a boot."""
    where = "/var/lib/systemd"  # of the key, which is made when it is first needed
    memory = output("stat", "--file-system", "--format=%T", where)[1] in ("tmpfs", "ramfs")
    able = "+OPENSSL" in systemd() and output("systemd-creds", "--version")[0] == 0
    return able and not memory and os.access(where, os.W_OK)


def database(name, works):
    """Whether PostgreSQL on this host has all that the role hivetalk_database makes: five tasks to find that out."""
    # A release that is whole has logged in where it says, and has found its view of those tables.
    if works:
        return 'database_url = "postgresql:///hivetalk"\n' in text("/opt/" + name + "/current/config.toml")
    query = "SELECT to_regclass('events') IS NOT NULL AND to_regclass('room_info') IS NOT NULL"
    query += (
        " AND EXISTS (SELECT FROM pg_roles WHERE rolcanlogin AND rolname = '" + name.replace("'", "''") + "')"
    )
    psql = (
        "psql",
        "--no-password",
        "--no-psqlrc",
        "--no-align",
        "--tuples-only",
        "--dbname=hivetalk",
        "--command=" + query,
    )
    return output("runuser", "--user", "postgres", "--", *psql) == (0, "t")


def postgresql():
    """Whether this host has the packages that the role hivetalk_database installs, and a cluster."""
    packages = (
        "dpkg-query",
        "--show",
        "--showformat=${db:Status-Status} ",
        "--",
        "postgresql",
        "python3-psycopg2",
    )
    clusters = glob.glob("/etc/postgresql/*/*/postgresql.conf")  # noqa: PTH207
    return bool(clusters) and output(*packages) == (0, "installed installed ")


def text(path):
    try:
        with open(path) as file:  # noqa: PTH123
            return file.read()
    except (OSError, ValueError):
        return ""


def names(directory):
    try:
        return os.listdir(directory)  # noqa: PTH208
    except OSError:
        return []


def current(name):
    """The release that is the current one, or nothing."""
    try:
        release = os.path.basename(os.readlink("/opt/" + name + "/current"))  # noqa: PTH115, PTH119
    except OSError:
        return ""
    return release if names("/opt/" + name + "/releases/" + release + "/units") else ""


def whole(name, script):
    """Whether nothing of the current release is missing (releases.py; in this Python, since one more takes longer)."""
    release = current(name)
    if not release or sys.version_info[:2] < NEEDED_PYTHON:
        return False
    own, said = sys.argv, io.StringIO()
    sys.argv = ["releases.py", "/", name, "whole", release]
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(script, sys.argv[0], "exec"), {"__name__": "__main__"})  # noqa: S102 - the role's own
    except (Exception, SystemExit):
        return False
    finally:
        sys.argv = own
    return said.getvalue() == "true\n"


def paused(name):
    """What the playbook pause has written, or nothing."""
    try:
        return json.loads(text("/etc/" + name + "/paused"))
    except ValueError:
        return None


def user(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def foreign(name):
    """What bears the name on this host and was not made by this role."""
    marks = {"service": "/bin/hivetalk-scheduler run", "timer": "Unit=" + name + ".service"}
    said = output("systemctl", "show", "--property=FragmentPath", "--", *[name + "." + one for one in marks])[
        1
    ]
    for file in re.findall("^FragmentPath=(/.*)", said, re.M):
        if marks[file.rpartition(".")[2]] not in text(file):
            yield "the unit " + file
    if os.path.isdir("/opt/" + name + "/releases"):  # noqa: PTH112
        return
    # The role makes that directory first, so without it nothing is the role's.
    for database, find in (("user", pwd.getpwnam), ("group", grp.getgrnam)):
        try:
            find(name)
            yield "the {} {}".format(database, name)
        except KeyError:
            pass
    for path in ("/etc/" + name, "/var/lib/" + name, "/usr/local/bin/" + name):
        if os.path.lexists(path):
            yield path


def ticks(calendar):
    """A calendar expression's next times in UTC, and whether they tell all that are to come; not, of 100000.

    Where no date is named, each day's are alike, so that from the first which has come twice on they only repeat.
    """
    line = r"^ *(?:Next elapse|Iter\S* #\d+): \w+ (\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+) UTC$"
    times = []
    for count in TICKS:
        # Its words may hold the expression's own.
        said = output("systemd-analyze", "calendar", "--iterations={}".format(count), "--", calendar)[1]
        times = [datetime(*map(int, found)) for found in re.findall(line, said, re.M)]
        daily = re.search(r"^Normalized form: \*-\*-\* ", said, re.M)
        if daily and times and times[-1] - timedelta(days=1) in times:
            return times, True
    return times, False


def unfit(calendar, interval):
    """Why a calendar expression does not do, or nothing."""
    code, said = output("systemd-analyze", "calendar", "--", calendar)
    if code != 0:
        return "systemd-analyze calendar says: " + said
    # Without a zone, which only shifts them: for each tick in a zone systemd forks, 2.5 ms.
    anywhere = re.sub(r" [A-Za-z]\S*$", "", calendar)
    times, known = ticks(anywhere)
    gaps = [(after - before, before, after) for before, after in zip(times, times[1:])]  # noqa: B905, RUF007
    gap, before, after = max(gaps, key=lambda one: one[0]) if gaps else (timedelta(0), None, None)
    seconds = int(gap.total_seconds())
    if seconds > interval:
        return "from {} to {} it does not tick for {} s, and hivetalk_scheduler_interval is {}: {}".format(
            before,
            after,
            seconds,
            interval,
            "set interval to {}, or let it tick more often".format(seconds)
            if seconds <= LONGEST
            else "interval takes {} at most, so let it tick more often".format(LONGEST),
        )
    if not known and len(times) < TICKS[-1]:
        return "its last tick is {}: let it go on for ever".format(times[-1] if times else "over")
    return None


def problems(name, calendar, interval, works):
    # What works is the scheduler's own.
    for what in () if works else foreign(name):
        yield (
            "hivetalk_scheduler_name is {!r}: {} is on this host and is not the scheduler's; take another name, "
            "remove it if nothing else uses it, or take over from its units by the playbook adopt".format(
                name, what
            )
        )
    if sys.version_info[:2] < NEEDED_PYTHON:
        yield (
            "hivetalk_scheduler_python is {}, Python {}: it takes {}.{} or newer".format(
                sys.executable, platform.python_version(), *NEEDED_PYTHON
            )
        )
    if not importlib.util.find_spec("venv"):
        yield "Python's module venv is missing: install the package python3-venv, or python3 in full"
    version = systemd_version()
    if version < NEEDED_SYSTEMD:
        yield "systemd is {}: {} or newer is needed".format(version or "missing", NEEDED_SYSTEMD)
    elif calendar:
        why = unfit(calendar, interval)
        if why:
            yield "hivetalk_scheduler_on_calendar is {!r}: {}".format(calendar, why)
    if sys.maxsize < 2**32 or platform.libc_ver()[0] != "glibc":
        yield "the machine is {} with {}: a 64-bit one with glibc is needed".format(
            platform.machine(), platform.libc_ver()[0] or "another C library"
        )


name, calendar, interval, script = sys.argv[1:]
works = whole(name, script)
served = database(name, works)
print(
    json.dumps(
        {
            "python": "{}.{}".format(*sys.version_info[:2]),
            "hostname": platform.node(),
            "prefix": sys.base_prefix,
            "encrypts": encrypts(),
            "machine": platform.machine(),
            "releases": names("/opt/" + name + "/releases"),
            "code": names("/opt/" + name + "/code"),
            "current": current(name),
            "whole": works,
            "user": user(name),
            "database": served,
            "postgresql": served or (not works and postgresql()),
            "paused": paused(name),
            "problems": list(problems(name, calendar, int(interval), works)),
        }
    )
)
