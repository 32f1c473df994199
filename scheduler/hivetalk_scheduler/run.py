"""One run: what the service executes.

1. Look: the database's time, the schema, the watermark.
2. Catch: a row in ``delivery`` for each new transition in the window (``catch``).
3. If nothing falls due before the next run, exit: most runs end here, so nothing more is imported before.
4. Fire: hold, claim, send, record (``fire``).
5. Tidy up, at the first quiet moment (``upkeep``).
6. Show, in files, what others read (``surfaces``).
"""

import os
import signal
import socket
import sys

from hivetalk_scheduler import clock, log, window
from hivetalk_scheduler.catch import Catcher
from hivetalk_scheduler.clock import Clock
from hivetalk_scheduler.config import GRACE, Config
from hivetalk_scheduler.database import connect
from hivetalk_scheduler.event import SECOND
from hivetalk_scheduler.release import release
from hivetalk_scheduler.store import Store
from hivetalk_scheduler.upkeep import Upkeep


def run(config: Config) -> None:
    """Catch and fire once; raises SchedulerError."""
    began = clock.monotonic()
    run_id = os.urandom(6).hex()
    database_clock = Clock()
    store = Store(connect(config), database_clock)
    catcher = Catcher(store, config)
    with store.transaction():
        look, bounds, caught = catcher.catch(late=True)
        hold_end = window.hold_end(look.now, clock.host(), config) if config.hold else look.now
        idle = not store.ahead(hold_end, 1, config.lead, leased=True)
        store.start_run(
            run_id, bounds, look.now, host=socket.gethostname(), release=release(),
            offset=database_clock.host_offset(), caught=caught, idle=idle,
        )  # fmt: skip
    log.info(
        "run-started",
        run=run_id,
        now=log.time(look.now),
        window_from=log.time(bounds[0]),
        window_to=log.time(bounds[1]),
        caught=caught,
        holds_until=None if idle else log.time(hold_end),
        clock_offset_ms=round(database_clock.host_offset() * 1000),
    )
    counts: dict[str, int] = {}
    upkeep = Upkeep(store, config)
    if not idle:
        counts, more = _fire(store, database_clock, config, catcher, upkeep, run_id, hold_end, look.now)
        caught += more
        with store.transaction():
            store.finish_run(
                run_id,
                caught=caught,
                delivered=counts["delivered"],
                retried=counts["retried"],
                failed=counts["dead"] + counts["expired"],
            )
    upkeep.once()
    if os.environ.get("STATE_DIRECTORY"):
        from hivetalk_scheduler import surfaces

        surfaces.write(config, store)
    store.connection.close()
    log.info(
        "run-finished",
        run=run_id,
        caught=caught,
        **{word: counts.get(word, 0) for word in ("delivered", "retried")},
        **{word: n for word, n in counts.items() if word not in ("delivered", "retried")},
        pruned=upkeep.pruned or None,
        duration_ms=round((clock.monotonic() - began) * 1000),
    )


def _fire(
    store: Store,
    database_clock: Clock,
    config: Config,
    catcher: Catcher,
    upkeep: Upkeep,
    run_id: str,
    hold_end: int,
    started: int,
) -> tuple[dict[str, int], int]:
    """Fire; returns the counts, and how many were caught meanwhile."""
    import asyncio

    from hivetalk_scheduler.fire import Firing

    # A thread that has its rows waits for the interpreter no longer than a row takes to send (default: 5 ms).
    sys.setswitchinterval(0.0005)
    # A time-out must find everything handed back.
    deadline = started + round((config.timeout - GRACE - config.delivery_timeout) * SECOND)

    async def main() -> tuple[dict[str, int], int]:
        firing = Firing(store, database_clock, config, catcher, upkeep, run_id, hold_end, deadline)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, firing.stop)
        await firing.fire()
        return firing.counts, firing.caught

    return asyncio.run(main())
