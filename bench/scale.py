"""Several processes on one database: a burst, the jobs caught ahead, beside the ideal loop with as many."""

import contextlib
import time
from typing import Any

import psycopg

from bench import burst
from bench.place import say
from bench.postgres import Server
from bench.program import once, running


def _of_loop(server: Server, number: int, processes: int) -> dict[str, Any]:
    loop = next(peer for peer in burst.PEERS if peer.verb == "burst-c")
    database = server.fresh("burst")
    once(loop.command(server, database, "prepare", number))
    server.settle(database)
    with contextlib.ExitStack() as stack:
        began = time.time()
        for index in range(processes):
            stack.enter_context(
                running(f"scale-loop-{index}", loop.command(server, database, loop.verb, number))
            )
        # Every loop finds the table empty at some time; what counts is that nothing is left.
        with psycopg.connect(server.url(database), autocommit=True) as connection:
            while connection.execute("SELECT count(*) FROM job WHERE state = 'pending'").fetchone() != (0,):
                time.sleep(0.05)
            end = connection.execute("SELECT extract(epoch FROM max(done_at))::float FROM job").fetchone()
    assert end is not None  # noqa: S101 - an aggregate has a row
    return {"seconds": end[0] - began, "rate": number / (end[0] - began)}


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """Rates of ours and of the loop for each number of processes, one after the other."""
    number = 2_000 if quick else 100_000
    found: dict[str, Any] = {}
    for processes in (1, 2) if quick else (1, 2, 4, 8):
        loop = _of_loop(server, number, processes)
        ours = burst.of_ours(server, number, True, processes)
        found[str(processes)] = {"ideal loop, lease (raw c)": loop, "ours": ours}
        say(f"scale {processes}: loop {loop['rate']:,.0f}/s, ours {ours['rate']:,.0f}/s")
    return found
