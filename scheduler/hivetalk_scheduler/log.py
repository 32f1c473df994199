"""Structured lines on standard error: a word, then ``key=value`` pairs, with systemd's priority prefix.

The prefix ``<N>`` is what sd-daemon(3) defines; it is left out where a person reads (a terminal).
"""

import os
import re
import sys
from collections.abc import Iterable
from time import gmtime, strftime

ERR, WARNING, NOTICE, INFO, DEBUG = 3, 4, 5, 6, 7

LONGEST = 8192
"""Bytes of a line. The journal would split a very long one (journald.conf(5), LineMax=), and the row's own text would
begin the second part."""

WHOLE = 4096
"""Bytes that a pipe takes without mixing them with another thread's (pipe(7), PIPE_BUF)."""

_bare = re.compile(r"[a-zA-Z0-9_.:/@+,%~#?&\[\]-]+").fullmatch


def escape(text: str) -> str:
    """`text` with everything unprintable (control, terminal escape, bidirectional, lone surrogate) escaped."""
    if text.isprintable():
        return text.replace("\\", "\\\\")
    return "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii") for c in text
    )


def _value(value: object) -> str:
    if type(value) is int:
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = str(value)
    if _bare(text):
        return text
    return '"' + escape(text).replace('"', '\\"') + '"'


def line(word: str, fields: dict[str, object]) -> str:
    """One line without its priority; a field that is None is left out."""
    for key, value in fields.items():  # a burst is thousands of lines
        if value is not None:
            word += f" {key}={value if type(value) is str and _bare(value) else _value(value)}"
    return word


def write(priority: int, word: str, /, **fields: object) -> None:
    """Write one line to standard error in a single write, so that concurrent lines do not mix."""
    write_all([(priority, word, fields)])


def write_all(entries: Iterable[tuple[int, str, dict[str, object]]]) -> None:
    """Write a line for each (priority, word, fields), as many at once as stay together."""
    sys.stderr.flush()
    terminal, file, some = sys.stderr.isatty(), sys.stderr.fileno(), b""
    for priority, word, fields in entries:
        prefix = "" if terminal else f"<{priority}>"
        data = f"{prefix}{line(word, fields)}".encode("utf-8", "backslashreplace")
        if len(data) > LONGEST:
            data = data[:LONGEST].decode("utf-8", "ignore").encode()
        if some and len(some) + len(data) >= WHOLE:
            os.write(file, some)
            some = b""
        some += data + b"\n"
    if some:
        os.write(file, some)


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
