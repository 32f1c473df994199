"""Structured lines on standard error: a word, then ``key=value`` pairs, with systemd's priority prefix.

The prefix ``<N>`` is what sd-daemon(3) defines; it is left out where a person reads (a terminal).
"""

import os
import sys
from time import gmtime, strftime

ERR, WARNING, NOTICE, INFO, DEBUG = 3, 4, 5, 6, 7

LONGEST = 8192
"""Bytes of a line. The journal would split a very long one (journald.conf(5), LineMax=), and the row's own text would
begin the second part."""

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+,%~#?&[]")


def escape(text: str) -> str:
    """`text` with everything unprintable (control, terminal escape, bidirectional, lone surrogate) escaped."""
    if text.isprintable():
        return text.replace("\\", "\\\\")
    return "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii") for c in text
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = str(value)
    if text and _BARE.issuperset(text):
        return text
    return '"' + escape(text).replace('"', '\\"') + '"'


def line(word: str, fields: dict[str, object]) -> str:
    """One line without its priority; a field that is None is left out."""
    return " ".join([word, *(f"{k}={_value(v)}" for k, v in fields.items() if v is not None)])


def write(priority: int, word: str, /, **fields: object) -> None:
    """Write one line to standard error in a single write, so that concurrent lines do not mix."""
    prefix = "" if sys.stderr.isatty() else f"<{priority}>"
    data = f"{prefix}{line(word, fields)}".encode("utf-8", "backslashreplace")
    if len(data) > LONGEST:
        data = data[:LONGEST].decode("utf-8", "ignore").encode()
    data += b"\n"
    sys.stderr.flush()
    os.write(sys.stderr.fileno(), data)


def error(word: str, /, **fields: object) -> None:
    """Something is wrong and needs a person."""
    write(ERR, word, **fields)


def warning(word: str, /, **fields: object) -> None:
    """Something is odd; the scheduler goes on."""
    write(WARNING, word, **fields)


def notice(word: str, /, **fields: object) -> None:
    """Normal, but worth seeing: a delivery."""
    write(NOTICE, word, **fields)


def info(word: str, /, **fields: object) -> None:
    """The course of a run."""
    write(INFO, word, **fields)


def time(microseconds: int) -> str:
    """Microseconds since the epoch as an RFC 3339 time in UTC with milliseconds."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{rest // 1000:03d}Z"
