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


DRIFT = 500e-6
"""Seconds a second by which two clocks may drift apart: what NTP slews at most (adjtimex(2))."""


class Clock:
    """The database's clock, as microseconds since the epoch, UTC.

    Each answer of the database bounds it from both sides (Cristian, 1989); what all of them leave is the smaller, the
    more there are.
    """

    def __init__(self) -> None:
        self._low, self._high = float("-inf"), float("inf")
        self._synced = 0.0
        self._offset = 0.0
        self.doubt = float("inf")
        """Seconds by which now() may be wrong."""

    def sync(self, database_now: int, before: float, after: float) -> None:
        """Learn that the database said `database_now` (microseconds) between two readings of monotonic()."""
        drift = DRIFT * (after - self._synced)
        low = max(self._low - drift, database_now / 1e6 - after)
        high = min(self._high + drift, database_now / 1e6 - before)
        if low > high:  # the database's clock was stepped
            low, high = database_now / 1e6 - after, database_now / 1e6 - before
        self._low, self._high, self._synced = low, high, after
        self._offset, self.doubt = (low + high) / 2, (high - low) / 2

    def now(self) -> int:
        """Microseconds since the epoch on the database's clock."""
        return round((monotonic() + self._offset) * 1e6)

    def host_offset(self) -> float:
        """Seconds by which the host's clock is ahead of the database's."""
        return host() - (monotonic() + self._offset)
