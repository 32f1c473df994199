"""One thing that was looked at: whether it is fine, and if not, what to do about it."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "wrong"]


class Check(NamedTuple):
    """What `doctor` says of one thing; `text` and `mend` may hold a receiver's words, which are hostile."""

    what: str
    level: Level
    text: str
    mend: str = ""
    """What to do; never empty where something is not fine."""
    status: int = 0
    """The exit status (sysexits(3)) of something that is wrong."""


def ok(what: str, text: str) -> Check:
    """It is fine."""
    return Check(what, "ok", text)


def warning(what: str, text: str, mend: str) -> Check:
    """It works, but somebody should see to it."""
    return Check(what, "warning", text, mend)


def wrong(what: str, text: str, mend: str, status: int) -> Check:
    """It does not work."""
    return Check(what, "wrong", text, mend, status)


def worst(checks: Iterable[Check]) -> int:
    """The exit status: 0 if nothing is wrong."""
    return max((check.status for check in checks), default=0)
