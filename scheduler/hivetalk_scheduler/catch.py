"""Catching: from events in the window to rows in ``delivery``."""

from hivetalk_scheduler import destinations, window
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.store import Look, Store

LIMIT = 10_000
"""Deliveries that one statement writes; what is left over is caught by the next one, seconds later."""


class Catcher:
    """Catches with one configuration."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self.urls = {destinations.label(url): url for url in config.destinations}
        self.urls |= {destinations.label(url, secret=True): url for url in config.secrets.destinations}
        self.more = False
        """The last catch reached LIMIT: there is more."""

    def catch(self, late: bool) -> tuple[Look, tuple[int, int], int]:
        """Catch what is new; to be called within a transaction. Returns the look, the window, and how many.

        `late`: reach back over everything that may still be announced, not only over the window.
        """
        config, names = self._config, list(self.urls)
        look = self._store.look(names)
        first = look.caught_to is None
        bounds = window.bounds(look.now, look.origin, look.caught_to, config, late)
        self._store.start(look, names, look.now - config.window_behind * SECOND)
        caught = self._store.catch(
            bounds, look.now, names, config.room_relays != "none", LIMIT, config.lead, first
        )
        if late and config.refresh:
            caught += self._store.refresh(bounds[0], look.now, config.refresh)
        self.more = caught >= LIMIT
        if not self.more:
            # Only a complete catch moves the watermark.
            self._store.mark(look.now)
        return look, bounds, caught
