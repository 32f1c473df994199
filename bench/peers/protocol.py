"""What every peer's program says to the bench, on standard output.

``PROGRAM prepare URL N``: make the schema and N jobs that are due.
``PROGRAM burst URL N``: work; say ``handled`` when the Nth handler has run, and stay until SIGTERM.
``PROGRAM lateness URL FILE``: schedule a job at each of FILE's instants (microseconds since the epoch), say
``ready``, then ``DUE NOW`` from each handler.
"""

import sys
import time
from pathlib import Path


def times(file: str) -> list[int]:
    """The instants in `file`, microseconds since the epoch."""
    return [int(line) for line in Path(file).read_text().split()]


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fired(due: int) -> None:
    """A handler runs that was due at `due`."""
    say(f"{due} {time.time_ns() // 1000}")


class Countdown:
    """Says ``handled`` when it has been called often enough."""

    def __init__(self, left: int) -> None:
        self._left = left

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            say("handled")
