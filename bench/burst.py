"""A burst: N meetings due in the same instant, until the last is recorded as done."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench import product
from bench.place import CACHE, HERE, say
from bench.postgres import Server
from bench.program import once, running

_NODE_MODULES = CACHE / "peers-node/node_modules"
NODE = {"BENCH_NODE_MODULES": str(_NODE_MODULES)}
_PYTHON = CACHE / "peers/bin/python"


def installed(file: str) -> bool:
    """Whether the peer of a program in peers/ is there: those from npm need npm."""
    return not file.endswith(".mjs") or _NODE_MODULES.exists()


@dataclass(frozen=True)
class Peer:
    """A peer's program, and how to see that nothing is left."""

    name: str
    file: str
    left: str
    most: int = 1_000_000
    verb: str = "burst"

    def command(self, server: Server, database: str, what: str, argument: object) -> list[str | Path]:
        """The command line (see peers/protocol.py)."""
        if self.file.endswith(".mjs"):
            node = next(_NODE_MODULES.glob("node-linux-*/bin/node"))
            return [node, HERE / "peers" / self.file, what, server.tcp(database), str(argument)]
        return [_PYTHON, HERE / "peers" / self.file, what, server.url(database), str(argument)]


_JOB = "SELECT count(*) FROM job WHERE state = 'pending'"
PEERS = (
    Peer("ideal loop, one transaction (raw b)", "ideal.py", _JOB, verb="burst-b"),
    Peer("ideal loop, lease (raw c)", "ideal.py", _JOB, verb="burst-c"),
    Peer("graphile-worker at its best", "graphile.mjs", "SELECT count(*) FROM graphile_worker._private_jobs"),
    Peer("pg-boss at its best", "pgboss.mjs", "SELECT count(*) FROM pgboss.job WHERE state < 'completed'"),
    Peer("pgqueuer at its best", "pgqueuer_peer.py", "SELECT count(*) FROM pgqueuer"),
    Peer("APScheduler on PostgreSQL", "apscheduler_peer.py", "SELECT count(*) FROM apscheduler_jobs", 2_000),
    Peer("procrastinate, 20 at once", "procrastinate_peer.py",
         "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')", 1_000),
)  # fmt: skip


def of_peer(server: Server, peer: Peer, number: int) -> dict[str, Any]:
    """One burst of `peer`: jobs a second from its process's start."""
    database = server.fresh("burst")
    once(peer.command(server, database, "prepare", number), NODE)
    server.settle(database)
    with running("burst-peer", peer.command(server, database, peer.verb, number), NODE) as program:
        program.wait_for(b"handled", pause=0.005)
        with psycopg.connect(server.url(database), autocommit=True) as connection:
            while connection.execute(peer.left).fetchone() != (0,):
                time.sleep(0.005)
        took = time.time() - program.began
        peak = program.peak()
    return {
        "number": number,
        "seconds": took,
        "rate": number / took,
        "peak_mb": peak / 1000,
        "cpu": program.cpu,
    }


def of_ours(
    server: Server, number: int, caught: bool, processes: int = 1, *, url: str = "noop://bench",
    environment: dict[str, str] | None = None, patience: float = 300, **settings: Any,
) -> dict[str, Any]:  # fmt: skip
    """One burst of ours to `url`. `caught`: the deliveries are there, as a peer's jobs are; else only the meetings."""
    database = product.database(server, "burst", url)
    product.add_due(server, database, number)
    if caught:
        product.catch_all(server, database, url)
    server.settle(database)
    command = product.command(server, database, destinations=[url], **settings)
    programs = []
    for index in range(processes):
        program = running(f"burst-ours-{index}", command, environment)
        programs.append((program, program.__enter__()))
    try:
        seen = peak = 0
        until = time.monotonic() + patience
        while seen < number:
            seen += sum(program.new_lines(b">delivered ") for _, program in programs)
            peak = max(program.peak() for _, program in programs)
            if seen < number and (time.monotonic() > until or all(one.gone() for _, one in programs)):
                raise RuntimeError(
                    f"{seen} of {number} were delivered, then it ended or took {patience:.0f} s"
                )
            time.sleep(0.05)
    finally:
        for manager, _ in programs:
            manager.__exit__(None, None, None)
    done, end, twice = server.execute(
        "SELECT count(*), extract(epoch FROM max(completed_at))::float, count(*) FILTER (WHERE attempts <> 1)"
        " FROM hivetalk_scheduler.delivery WHERE state = 'delivered'", database=database,
    )[0]  # fmt: skip
    if (done, twice) != (number, 0):
        raise RuntimeError(f"{done} of {number} delivered, {twice} of them not at the first attempt")
    took = end - min(program.began for _, program in programs)
    cpu = sum(program.cpu for _, program in programs)
    return {"number": number, "seconds": took, "rate": number / took, "peak_mb": peak / 1000, "cpu": cpu}


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """Every system in turn, three times over (quick: once), so that a slow minute is everyone's."""
    found: dict[str, Any] = {}
    for number in (2_000,) if quick else (20_000, 100_000):
        rounds = 1 if quick else 3
        samples: dict[str, list[dict[str, Any]]] = {}
        for turn in range(rounds):
            for name, caught, write_back in (
                ("ours, deliveries caught ahead", True, True),
                ("ours, caught ahead, nothing shown to the application", True, False),
                ("ours, from meetings alone", False, True),
            ):
                one = of_ours(server, number, caught, write_back=write_back)
                samples.setdefault(name, []).append(one)
                say(f"burst {number}, round {turn + 1}: {name}: {samples[name][-1]['rate']:,.0f}/s")
            for peer in PEERS:
                if not installed(peer.file) or (peer.most < number and (turn or number > 20_000)):
                    continue
                some = min(number, peer.most)
                samples.setdefault(peer.name, []).append(of_peer(server, peer, some))
                say(f"burst {number}, round {turn + 1}: {peer.name}: {samples[peer.name][-1]['rate']:,.0f}/s")
        found[str(number)] = {
            name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} | {"runs": len(runs)}
            for name, runs in samples.items()
        }
    return found
