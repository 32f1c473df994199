"""A meeting as a calendar holds it, and the identifier under which its row is found again."""

import hashlib
import re
from typing import NamedTuple

OWN = "@hivetalk-scheduler"
"""What the UID of an exported row ends with, after the row's id."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""What no text of a calendar may hold (RFC 5545, 3.1)."""


class Meeting(NamedTuple):
    """One occurrence. Its texts come from a calendar and are hostile; they are cut to what a run reads of a row."""

    uid: str
    recurrence: str
    """The RECURRENCE-ID: which of a series, however it has been moved since; empty where there is no series."""
    name: str
    description: str
    location: str
    starts_at: int
    """Microseconds since the epoch."""
    ends_at: int | None
    cancelled: bool

    @property
    def row_id(self) -> str | None:
        """The id of the row that was exported as this meeting."""
        return self.uid.removesuffix(OWN) if self.uid.endswith(OWN) else None


def plain(text: str | None, longest: int) -> str:
    """`text` as calendars and rows alike can hold it, cut to `longest` characters."""
    lines = (text or "").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("\ufffd", lines).strip()[:longest].strip()


def identifier(calendar: str, uid: str, recurrence: str = "") -> str:
    """What ``events.identifier`` holds of an imported meeting.

    It becomes public (the ``d`` tag of NIP-53), so nothing of the calendar can be read from it.
    """
    text = f"{prefix(calendar)}{_digest(uid, 20)}"
    return f"{text}-{recurrence}" if recurrence else text


def prefix(calendar: str) -> str:
    """What the identifiers of all meetings of one calendar begin with."""
    return f"ics-{_digest(calendar, 10)}-"


def kept_by(identifier: str | None) -> str | None:
    """The prefix of the calendar that a row with this identifier was imported from, or None."""
    parts = (identifier or "").split("-")
    return f"ics-{parts[1]}-" if len(parts) in (3, 4) and parts[0] == "ics" and len(parts[1]) == 10 else None


def within(identifier: str) -> str:
    """The identifier without its calendar."""
    return identifier.split("-", 2)[2]


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:length]
