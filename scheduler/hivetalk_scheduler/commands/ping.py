"""``ping start|success|failure``: a dead man's switch. Somebody else is told of each run, and notices when none comes.

For the units that systemd starts beside a run and after it, so that no run waits for it or fails of it. The URLs are
those of healthchecks.io and its kin: https://healthchecks.io/docs/http_api/
"""

import argparse
import os
import re
import signal
import subprocess
import uuid
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from hivetalk_scheduler import __version__, config, log
from hivetalk_scheduler.errors import UsageError

LIMIT = 5.0
"""Seconds that connecting, or one answer, may take; the unit itself is ended after 15."""


def main(args: argparse.Namespace) -> int:
    """Ping once. What goes wrong is a line in the journal and no failure: nobody on the host can mend it."""
    secrets = config.read_secrets(os.environ.get("CREDENTIALS_DIRECTORY"))
    if not secrets.ping_url:
        raise UsageError("ping is what the scheduler's units run beside a run; see docs/alerts.md")
    if args.moment == "start":
        path, run = "/start", _invocation(args.unit)
    else:
        path, run = _verdict(dict(os.environ)), os.environ.get("MONITOR_INVOCATION_ID", "")
    # Whatever drips in, the end is the end; the handler's error ends what waits.
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(12)
    try:
        status = _get(secrets.ping_url, path, run)
        if not 200 <= status < 300:
            log.warning("ping-failed", moment=args.moment, answer=status)
    except (OSError, HTTPException, ValueError) as error:
        # Its words may name the URL, which is a secret.
        log.warning("ping-failed", moment=args.moment, error=type(error).__name__)
    return 0


def _late(*_: object) -> None:
    raise TimeoutError


def _verdict(said: dict[str, str]) -> str:
    """What follows the URL: nothing after a good run, else its exit status, or ``/fail`` where it has none."""
    if said.get("MONITOR_SERVICE_RESULT") == "success":
        return ""
    status = said.get("MONITOR_EXIT_STATUS", "")
    return f"/{status}" if re.fullmatch(r"[1-9]\d{0,2}", status) else "/fail"


def _invocation(unit: str) -> str:
    """systemd's id of the run that has just begun, which it tells those after the run by itself."""
    link = Path("/run/systemd/units", f"invocation:{unit}")
    if link.is_symlink():
        return str(link.readlink())
    # A run that was short is over, and systemd 257 has taken the link away with it.
    words = ["systemctl", "show", "--property=InvocationID", "--value", "--", unit]
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT).stdout.strip()  # noqa: S603
    return ""


def _get(url: str, path: str, run: str) -> int:
    """The status of the answer to a GET; `run`: 32 hexadecimal digits, by which the start and the end are one run's."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, f"rid={uuid.UUID(run)}" if run else ""]))
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=LIMIT)
    try:
        target = parts.path.rstrip("/") + path + ("?" + query if query else "")
        connection.request("GET", target, headers={"User-Agent": f"hivetalk-scheduler/{__version__}"})
        return connection.getresponse().status
    finally:
        connection.close()
