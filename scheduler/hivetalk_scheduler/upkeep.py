"""Upkeep: what every run does once besides announcing."""

from hivetalk_scheduler.config import Config
from hivetalk_scheduler.store import Store

PRUNE = 1000
"""Rows of each table that a run mends or deletes at most."""


class Upkeep:
    """The upkeep of one run, at a moment when nothing else is to be done: while it ends, the next one waits."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store, self._config = store, config
        self.pruned: int | None = None
        """Deliveries; None before it was done."""

    def once(self) -> None:
        """Show the application what it could not take before, and forget what is over, unless it is done."""
        if self.pruned is not None:
            return
        with self._store.transaction():
            if self._config.write_back:
                self._store.show(PRUNE)
            self.pruned = self._store.prune(self._config.retention, PRUNE)["deliveries"]
