"""Publishing: meetings signed and sent to a real relay, beside a bare client with events signed beforehand."""

import secrets
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import burst, product
from bench.place import CACHE, HERE, TOP, say
from bench.postgres import Server
from bench.program import once, running

OURS = "ours, from process start to the last recorded"
_BARE = HERE / "peers/bare_relay.py"


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """Median rates; a new relay for each, so that no one meets what another stored."""
    number = 500 if quick else 10_000
    file = CACHE / "log/frames.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    once([product.python(), _BARE, "prepare", file, str(number)])
    credentials = CACHE / "log/credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "nostr_nsec").write_text(secrets.token_hex(32))

    def ours(url: str) -> dict[str, Any]:
        environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
        return burst.of_ours(server, number, True, url=url, environment=environment)

    def bare(url: str) -> dict[str, Any]:
        return of_program([product.python(), _BARE, "send", file, url], number)

    return alternate({"a bare pipelined client": bare, OURS: ours}, "bench.relay", quick)


def of_program(command: list[str | Path], number: int) -> dict[str, Any]:
    """A client's run, from process start until it has all answers."""
    with running("bare", command) as program:
        program.wait_for(b"handled", pause=0.005)
        took = time.time() - program.began
    return {"number": number, "seconds": took, "rate": number / took, "cpu": program.cpu}


def alternate(
    clients: dict[str, Callable[[str], dict[str, Any]]], receiver: str, quick: bool
) -> dict[str, Any]:
    """Each client in turn, against a new `receiver` (a module that says ``ready URL``); medians."""
    samples: dict[str, list[dict[str, Any]]] = {name: [] for name in clients}
    for _ in range(1 if quick else 3):
        for name, client in clients.items():
            with running("receiver", [sys.executable, "-m", receiver], {"PYTHONPATH": str(TOP)}) as program:
                program.wait_for(b"ready ", timeout=30)
                url = program.log.read_text().split("ready ", 1)[1].split()[0]
                samples[name].append(client(url.rstrip("/")))
            say(f"{receiver}: {name}: {samples[name][-1]['rate']:,.0f}/s")
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} | {"runs": len(runs)}
        for name, runs in samples.items()
    }
