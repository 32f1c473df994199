"""The only module that reads a clock.

Time is the database's, so that a fleet has one clock. Between two looks at it the time is carried by
CLOCK_BOOTTIME (clock_gettime(2)), which no step of the host's clock moves and which goes on while it is suspended.
"""

import time


def monotonic() -> float:
    """Seconds since boot, suspension included; never steps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def host() -> float:
    """The host's own clock: seconds since the epoch. Only systemd's timer goes by it."""
    return time.time()


class Clock:
    """The database's clock, as microseconds since the epoch, UTC."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._doubt = float("inf")
        self._synced = 0.0

    def sync(self, database_now: int, before: float, after: float) -> None:
        """Learn that the database said `database_now` (microseconds) between two readings of monotonic().

        The sample with the shortest round trip is the best one; an old one is replaced after 10 s all the same,
        so that a correction of the database's clock is followed.
        """
        doubt = (after - before) / 2
        if doubt <= self._doubt or after - self._synced > 10:
            self._offset = database_now / 1e6 - (before + after) / 2
            self._doubt, self._synced = doubt, after

    def now(self) -> int:
        """Microseconds since the epoch on the database's clock."""
        return round((monotonic() + self._offset) * 1e6)

    def host_offset(self) -> float:
        """Seconds by which the host's clock is ahead of the database's."""
        return host() - (monotonic() + self._offset)
