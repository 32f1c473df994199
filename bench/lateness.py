"""Lateness: meetings at random milliseconds; how long after its due time each one's handler runs."""

import contextlib
import math
import random
import time
from collections.abc import Iterator
from typing import Any

from bench import burst, host, product
from bench.place import CACHE, say
from bench.postgres import Server
from bench.program import Program, running, ticking

GONE = 60_000.0
"""Milliseconds that one counts that never fired."""
_BESIDE = {
    "ideal loop": ("ideal.py", "lateness"),
    "APScheduler in memory (not durable)": ("apscheduler_peer.py", "lateness-memory"),
    "APScheduler on PostgreSQL": ("apscheduler_peer.py", "lateness"),
    "graphile-worker, 50 ms poll": ("graphile.mjs", "lateness-50"),
    "graphile-worker, default": ("graphile.mjs", "lateness"),
    "procrastinate, default": ("procrastinate_peer.py", "lateness"),
}
# It polls every millisecond, which the others would feel: afterwards, alone.
_AFTER = {"pgqueuer at its best (1 ms poll)": ("pgqueuer_peer.py", "lateness")}


def instants(number: int, begin: float, seconds: float) -> list[int]:
    """Random milliseconds, as microseconds since the epoch."""
    chosen = sorted(begin + random.uniform(0, seconds) for _ in range(number))  # noqa: S311 - not a secret
    return [round(at * 1000) * 1000 for at in chosen]


def summary(milliseconds: list[float]) -> dict[str, Any]:
    """What a table shows of a distribution, and the distribution."""
    values = sorted(milliseconds)

    def at(part: float) -> float:
        return values[min(len(values) - 1, math.ceil(part * len(values)) - 1)]

    return {
        "number": len(values), "p50": at(0.5), "p99": at(0.99), "max": values[-1],
        "early": sum(value < 0 for value in values), "lost": sum(value == GONE for value in values),
        "values": [round(value, 3) for value in values],
    }  # fmt: skip


def late(wanted: list[int], pairs: list[list[int]]) -> dict[str, Any]:
    """The summary of (due, happened) pairs, both microseconds since the epoch; what never happened is GONE."""
    first: dict[int, int] = {}
    for due, now in pairs:
        first.setdefault(due, now)
    return summary([(first[at] - at) / 1000 if at in first else GONE for at in wanted])


class _Peer:
    """A peer at work on its own instants."""

    def __init__(
        self, server: Server, name: str, file: str, verb: str, plan: tuple[int, float, float]
    ) -> None:
        number, begin, seconds = plan
        self.name, self._instants = name, instants(number, begin, seconds)
        slug = "".join(c if c.isalnum() else "_" for c in name.lower())
        self._file = CACHE / "log" / f"{slug}.txt"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text("\n".join(map(str, self._instants)))
        database = server.fresh(f"late_{slug[:40]}")
        command = burst.Peer(name, file, "").command(server, database, verb, self._file)
        self.running = running(f"late-{slug}", command, burst.NODE)

    def result(self, program: Program) -> dict[str, Any]:
        lines = program.log.read_text().splitlines()
        pairs = [[int(word) for word in line.split()] for line in lines if line[:1].isdigit()]
        return late(self._instants, pairs) | {"cpu": program.cpu}


def _beside(
    server: Server, peers: dict[str, tuple[str, str]], plan: tuple[int, float, float]
) -> contextlib.AbstractContextManager[dict[str, Any]]:
    @contextlib.contextmanager
    def manager() -> Iterator[dict[str, Any]]:
        results: dict[str, Any] = {}
        with contextlib.ExitStack() as stack:
            started = []
            for name, (file, verb) in peers.items():
                if not burst.installed(file):
                    continue
                peer = _Peer(server, name, file, verb, plan)
                started.append((peer, stack.enter_context(peer.running)))
            for _, program in started:
                program.wait_for(b"ready", timeout=60)
            if time.time() > plan[1]:
                raise RuntimeError("the peers were not ready in time: is the machine overloaded?")
            yield results
            time.sleep(max(0.0, plan[1] + plan[2] + 6 - time.time()))
        results |= {peer.name: peer.result(program) for peer, program in started}

    return manager()


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """Ours by a real timer beside the peers, all in the same minutes; pgqueuer afterwards."""
    if quick:
        return _quick(server)
    found: dict[str, Any] = {}
    with host.deployed(*host.HOSTS.values()):
        plan = (300, time.time() + 75, 300.0)
        wanted = {name: instants(*plan) for name in host.HOSTS}
        for name, container in host.HOSTS.items():
            host.schedule(container, wanted[name])
        say("lateness: five minutes begin in a minute")
        with _beside(server, _BESIDE, plan) as peers:
            pass
        for name, container in host.HOSTS.items():
            found[name] = late(wanted[name], host.fired(container)) | {"runs": host.runs(container)}
            seen, due = host.received(container), host.due(container)
            lines = [[at, seen[event]] for event, at in due.items() if event in seen]
            found[f"{name}: the line in systemd's journal"] = late(wanted[name], lines)
        found |= peers
    say("lateness: pgqueuer, one minute")
    with _beside(server, _AFTER, (300, time.time() + 8, 60.0)) as peers:
        pass
    return found | peers


def _quick(server: Server) -> dict[str, Any]:
    """A minute on this host; a loop starts the runs as systemd does: at a tick, or at once if one elapsed meanwhile."""
    plan = (60, time.time() + 15, 60.0)
    name = product.database(server, "late_ours", "journal:")
    wanted = instants(*plan)
    server.execute(
        "INSERT INTO events (name, start_time, room_name)"
        " SELECT 'Meeting', to_timestamp(t::numeric / 1000000), 'bench' FROM unnest(%s::bigint[]) AS t",
        [wanted], name,
    )  # fmt: skip
    command = product.command(server, name, interval=10, jitter=0)
    few = {name: _BESIDE[name] for name in ("ideal loop", "graphile-worker, 50 ms poll")}
    with _beside(server, few, plan) as peers:
        number = ticking(command, 10, plan[1] + plan[2])
    rows = server.execute(
        "SELECT round(extract(epoch FROM due_at) * 1000000)::bigint,"
        " round(extract(epoch FROM fired_at) * 1000000)::bigint"
        " FROM hivetalk_scheduler.delivery WHERE state = 'delivered'", database=name,
    )  # fmt: skip
    return {
        "ours, a loop in systemd's place": late(wanted, [list(row) for row in rows]) | {"runs": number}
    } | peers
