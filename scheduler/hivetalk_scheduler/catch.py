"""Catching: from events in the window to rows in ``delivery``."""

from hivetalk_scheduler import clock, destinations, window
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.store import Look, Store, Wanted

LIMIT = 10_000
"""Deliveries that one statement writes; what is left over is caught by the next one, seconds later."""
SWEEP = 1000
"""Events that a run sweeps: a long history costs each run no more than that, and is gone over in many runs."""
PAUSE = 2.0
"""Seconds between two catches while a run holds; more where that would be more than a tenth of its time."""


class Catcher:
    """Catches with one configuration."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self.urls = destinations.urls(config)
        self.wanted = Wanted(list(self.urls), config.room_relays != "none", LIMIT, config.lead, store.canary)
        self.more = False
        """The last catch reached LIMIT: there is more."""
        self.pause = PAUSE
        """Seconds from the beginning of one look at the window to that of the next."""

    def catch(self, late: bool) -> tuple[Look, tuple[int, int], int]:
        """Catch what is new; to be called within a transaction. Returns the look, the window, and how many.

        `late`: reach back over everything that may still be announced, not only over the window.
        """
        config, names = self._config, self.wanted.names
        at = clock.monotonic()
        look = self._store.look(names)
        first = look.caught_to is None
        bounds = window.bounds(look.now, look.origin, look.caught_to, config, late)
        self._store.start(look, names, look.now - config.window_behind * SECOND)
        caught = self._store.catch(bounds, look.now, self.wanted, first)
        swept_to = look.swept_to
        if late:
            swept, swept_to = self.sweep(look, look.now, bounds[0])
            if swept:
                caught += self._store.catch(swept, look.now, self.wanted, running=True)
            for began in ((bounds[0], look.now), swept) if config.refresh else ():
                if began:
                    caught += self._store.refresh(began, look.now, config.refresh)
        self.more = caught >= LIMIT
        if not self.more:
            # Only a complete catch moves the watermark.
            self._store.mark(look.now, swept_to)
        if not late:
            self.pause = max(PAUSE, 10 * (clock.monotonic() - at))
        return look, bounds, caught

    def sweep(self, look: Look, now: int, lower: int) -> tuple[tuple[int, int] | None, int | None]:
        """The next part of the history before `lower` to go over for events that still run: they are refreshed, and
        those that were written too late to be announced would leave no trace.

        Also returns how far the sweep then has come, None once through.
        """
        span = look.origin and window.sweep(now, lower, look.origin, look.swept_to, self._config)
        if not span:
            return None, None
        swept_to = self._store.sweep(span, SWEEP)
        return (span[0], span[1] if swept_to is None else swept_to), swept_to
