"""The arithmetic of windows and hand-overs: pure functions of given times (microseconds since the epoch, UTC)."""

from hivetalk_scheduler.config import START_UP, Config
from hivetalk_scheduler.event import SECOND


def bounds(
    now: int, origin: int | None, caught_to: int | None, config: Config, late: bool
) -> tuple[int, int]:
    """The window (lower, upper] of a catch at `now`.

    `origin` and `caught_to` are the watermark, None on the first run of all. With `late` the window reaches back
    over everything that may still be announced, so that a row written after its time, or by a transaction that
    was long in committing, is not overlooked.
    """
    upper = now + config.window_ahead * SECOND
    lower = now - config.window_behind * SECOND
    if origin is None or caught_to is None:
        return lower, upper
    lower = min(lower, caught_to - config.window_behind * SECOND)
    if late:
        # From the last catch, not from now: what was written late before an outage is at least put on record.
        lower = min(lower, min(now, caught_to) - (config.max_lateness + config.window_behind) * SECOND)
    return max(lower, origin), upper


def sweep(now: int, lower: int, origin: int, swept_to: int | None, config: Config) -> tuple[int, int] | None:
    """What the sweep has yet to go over: where the late look's window does not reach, as long as rows are kept.

    `lower`: where the late look begins. None: nothing lies before it. Once through, it begins anew.
    """
    # A delivery may be a `lead` older than what it announces, and is pruned `retention` after.
    oldest = max(origin, now - round((config.retention - config.lead) * SECOND))
    if swept_to is not None and oldest < swept_to < lower:
        oldest = swept_to
    return (oldest, lower) if oldest < lower else None


def hold_end(now: int, host_now: float, config: Config) -> int:
    """Until when (on the database's clock) a run that starts at `now` holds.

    The next tick must surely have elapsed, since systemd then starts the next run the moment this one exits.
    The end lies START_UP after a whole second, so that the hand-over is over before the next whole second,
    where meetings begin.

    `host_now`: the host's clock, seconds; the timer goes by it.
    """
    # With on_calendar the interval is the longest gap between two ticks.
    to_tick = config.interval - (0 if config.on_calendar else host_now % config.interval)
    end = now + round((to_tick + config.jitter + config.accuracy + START_UP) * SECOND)
    part = round(START_UP * SECOND)
    return -((part - end) // SECOND) * SECOND + part  # rounded up
