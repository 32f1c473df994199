"""Growth with history: the queries of a run, by finished rows and by meetings to come."""

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import product
from bench.place import RESULTS, TOP, say
from bench.postgres import Server
from bench.program import once

DUE = 100
TODAY = 1_000
"""Meetings within the last day; twenty times as many on a busy one."""
_FILL = """
INSERT INTO events (name, start_time, end_time, room_name, identifier, status)
SELECT 'Meeting ' || n, t, t + interval '30 min', 'room ' || n % 1000, n::text, {status}
  FROM generate_series(1, {number}) AS n, LATERAL (SELECT {when} AS t) AS w
"""
# History: spread evenly over what is kept, but older than what a late look still reaches (a day).
_PAST = "clock_timestamp() - interval '25 h' - interval '28 d' * (n::float / {number})"
# A day's work, which is the same however long the history is.
_TODAY = "clock_timestamp() - interval '1 h' - interval '22 h' * (n::float / {number})"
_FUTURE = "clock_timestamp() + interval '1 h' + interval '365 d' * (n::float / {number})"
_FINISHED = """
INSERT INTO hivetalk_scheduler.delivery
       (event_id, test, transition, due_at, destination, next_at, state,
        claimed_by, claims, attempts, fired_at, completed_at, answer)
SELECT e.id::text, false, kind, at, 'journal:', at, 'delivered', 'run', 1, 1, at, at, ''
  FROM events AS e, LATERAL (VALUES ('live', e.start_time), ('ended', e.end_time)) AS v(kind, at)
 WHERE at < clock_timestamp() - interval '1 min'
"""


def _database(server: Server, finished: int, future: int, today: int) -> str:
    name = product.database(server, "growth", "journal:")
    for number, when, status in (
        (finished // 2, _PAST, "'ended:sent'"),
        (today, _TODAY, "'ended:sent'"),
        (future, _FUTURE, "'planned'"),
    ):
        if number:
            server.execute(
                _FILL.format(number=number, when=when.format(number=number), status=status), database=name
            )
    server.execute(_FINISHED, database=name)
    server.settle(name)
    return name


def measure(server: Server, quick: bool, full: bool = False) -> dict[str, Any]:
    """Median milliseconds of each query of a run; the plans go to the results' directory."""
    found: dict[str, Any] = {}
    sizes = [
        ("10 k finished", 10_000, 0, TODAY),
        ("1 M finished", 1_000_000, 0, TODAY),
        ("10 k finished, 1 M to come", 10_000, 1_000_000, TODAY),
        ("10 k finished, busy day", 10_000, 0, 20 * TODAY),
    ]
    if quick:
        sizes = [("1 k finished", 1_000, 0, 100), ("10 k finished", 10_000, 0, 100)]
    if full:
        sizes.append(("10 M finished", 10_000_000, 0, TODAY))
    for label, finished, future, today in sizes:
        say(f"growth: {label}: filling")
        name = _database(server, finished, future, today)
        plans = RESULTS / f"plans-{label.replace(',', '').replace(' ', '-')}.txt"
        plans.parent.mkdir(parents=True, exist_ok=True)
        output = once(
            [
                product.python(),
                "-m",
                "bench.growth",
                server.url(name, "scheduler"),
                str(plans),
                "5" if quick else "51",
            ],
            {"PYTHONPATH": str(TOP)},
        )
        found[label] = json.loads(output)
        server.drop(name)
    return found


def _inside(url: str, plans: Path, rounds: int) -> None:
    """Within the release's Python: the program's own statements, through its own Store."""
    from hivetalk_scheduler import window
    from hivetalk_scheduler.clock import Clock
    from hivetalk_scheduler.config import Config
    from hivetalk_scheduler.database import connect
    from hivetalk_scheduler.delivery import Completion
    from hivetalk_scheduler.store import Store, Wanted

    config = Config(database_url=url)
    store = Store(connect(config), Clock())
    names = ["journal:"]
    took: dict[str, list[float]] = {}
    explained: dict[str, str] = {}
    execute = store._all

    def timed(name: str, /, kind: Any = None, **parameters: Any) -> Any:
        if name not in explained:
            # Before its turn, and undone: what it then meets is what it met here.
            with store.connection.cursor() as cursor:
                cursor.execute("SAVEPOINT explain")
                cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + store._sql[name], parameters or None)
                explained[name] = "\n".join(next(iter(row.values())) for row in cursor.fetchall())
                cursor.execute("ROLLBACK TO SAVEPOINT explain")
        began = time.perf_counter()
        rows = execute(name, kind, **parameters)
        took.setdefault(name, []).append((time.perf_counter() - began) * 1000)
        return rows

    store._all = timed  # type: ignore[method-assign]  # to time it from outside
    execute_text: Callable[[str], Any] = store.connection.execute
    for _ in range(rounds):
        execute_text(store._sql["begin"])
        look = store.look(names)
        bounds = window.bounds(look.now, look.origin, look.caught_to, config, True)
        store.catch(bounds, look.now, Wanted(names, True, 10_000, 0, store.canary))
        store.ahead(look.now + 67_000_000, 1, 0, leased=True)
        # A hundred of today's that are due: written, claimed, read and completed, then undone.
        execute_text(
            "INSERT INTO hivetalk_scheduler.delivery (event_id, test, transition, due_at, destination, next_at)"
            " SELECT event_id, false, 'live', now(), 'journal:', now() - interval '1 s'"
            "   FROM hivetalk_scheduler.event_source"
            "  WHERE starts_at BETWEEN now() - interval '24 h' AND now()"
            f" ORDER BY random() LIMIT {DUE}"
        )
        claimed = store.claim("bench", 50, 500, [])
        assert len(claimed) == DUE, len(claimed)  # noqa: S101 - else nothing was measured
        assert len(store.sources(claimed)) == DUE  # noqa: S101 - else nothing was measured
        done = [Completion(one, "delivered", "", True, look.now) for one in claimed]
        assert len(store.complete("bench", done)) == DUE  # noqa: S101 - else nothing was measured
        store.prune(config.retention, 1000)
        execute_text("ROLLBACK")
    plans.write_text("".join(f"== {name}\n{plan}\n\n" for name, plan in explained.items()))
    # Before the process ends at once.
    print(json.dumps({name: statistics.median(times[1:]) for name, times in took.items()}), flush=True)


if __name__ == "__main__":
    import sys

    _inside(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    os._exit(0)
