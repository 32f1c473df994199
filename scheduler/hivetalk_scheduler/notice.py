"""What an operator is told: that runs fail, that they still do, that they no longer do."""

import hashlib
import json
from typing import Literal, NamedTuple

from hivetalk_scheduler import log
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.payload import iso

Kind = Literal["failed", "failing", "recovered"]
"""failing: the reminder of an incident that goes on."""

LINES, LONGEST = 20, 300
"""The journal's last lines that a notice carries at most, and characters of each."""


class Notice(NamedTuple):
    """One notice, ready to send."""

    kind: Kind
    id: str
    """The webhook-id: the same for every attempt at one notice."""
    at: int
    """Microseconds since the epoch, by the host's clock: the database may be what is down."""
    title: str
    text: str
    """Plain text of several lines; what came from the journal is escaped."""
    body: bytes
    """The same as JSON, for programs."""


class Subject(NamedTuple):
    """Who has failed, and how, by what systemd (``$MONITOR_...``, systemd.exec(5)) and the journal say."""

    host: str
    unit: str
    release: str
    result: str = ""
    """As in ``exit-code``, ``timeout``, ``oom-kill``; systemd's word."""
    status: str = ""
    """The exit status, or the name of the signal."""
    lines: tuple[str, ...] = ()


def compose(kind: Kind, key: str, at: int, since: int, failures: int, subject: Subject) -> Notice:
    """The notice about `subject`; `at`, `since`: microseconds since the epoch. `key`: what makes it one of its own."""
    lines = [_printable(line)[:LONGEST] for line in subject.lines[-LINES:]]
    began = log.time(since)
    times = f"{failures} times" if failures != 1 else "once"
    if kind == "recovered":
        title = f"{subject.unit} on {subject.host} completes again"
        text = f"Since {began} it had failed {times}."
    else:
        title = f"{subject.unit} on {subject.host} " + ("has failed" if kind == "failed" else "still fails")
        how = " ".join(word for word in (subject.result, subject.status) if word)
        text = (
            f"It has failed {times} since {began}, last with: {how}. What falls due meanwhile is caught up."
        )
        text += f"\nOn the host, `{subject.unit.removesuffix('.service')} doctor` says what to do."
        text += "".join(["\n\nThe journal's last lines:", *(f"\n{line}" for line in lines)]) if lines else ""
    data = {
        "host": subject.host,
        "unit": subject.unit,
        "release": subject.release,
        "since": iso(since),
        "failures": failures,
        "result": subject.result or None,
        "status": subject.status or None,
        "lines": lines,
    }
    body = {"type": f"scheduler.{kind}", "timestamp": iso(at), "title": title, "data": data}
    return Notice(
        kind,
        "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32],
        at // SECOND * SECOND,
        title,
        text,
        json.dumps(body, separators=(",", ":")).encode(),
    )


def _printable(line: str) -> str:
    """Without what moves a cursor or turns the direction of writing; our own lines are escaped already."""
    return line if line.isprintable() else log.escape(line)
