"""Publishing: meetings signed and sent to real relays, beside a bare client with events signed beforehand."""

import secrets
import shutil
import socket
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
RELAYS = {"nostr-sdk's LocalRelay, in memory": 10_000, "nostr-relay, which stores in SQLite": 3_000}
"""How many meetings each is sent."""
_BARE = HERE / "peers/bare_relay.py"


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """Median rates, by relay; a new relay for each run, so that no one meets what another stored."""
    file = CACHE / "log/frames.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    credentials = CACHE / "log/credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "nostr_nsec").write_text(secrets.token_hex(32))
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    found: dict[str, Any] = {}
    for (relay, number), command in zip(RELAYS.items(), (_in_memory, _stored), strict=True):
        some = number // 20 if quick else number
        once([product.python(), _BARE, "prepare", file, str(some)])
        clients: dict[str, Callable[[str], dict[str, Any]]] = {
            "a bare pipelined client": lambda url, some=some: of_program(  # type: ignore[misc]  # a default in a lambda
                [product.python(), _BARE, "send", file, url], some
            ),
            OURS: lambda url, some=some: burst.of_ours(  # type: ignore[misc]  # the same
                server, some, True, url=url, environment=environment
            ),
        }
        found[relay] = alternate(clients, command, quick)
    return found


def _in_memory() -> list[str | Path]:
    return [sys.executable, "-m", "bench.relay"]


def _stored() -> list[str | Path]:
    directory = CACHE / "log/relay"
    shutil.rmtree(directory, ignore_errors=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [TOP / "script/relay", "--port", str(port), "--dir", directory]


def of_program(command: list[str | Path], number: int) -> dict[str, Any]:
    """A client's run, from process start until it has all answers."""
    with running("bare", command) as program:
        program.wait_for(b"handled", pause=0.005)
        took = time.time() - program.began
    return {"number": number, "seconds": took, "rate": number / took, "cpu": program.cpu}


def alternate(
    clients: dict[str, Callable[[str], dict[str, Any]]], receiver: Callable[[], list[str | Path]], quick: bool
) -> dict[str, Any]:
    """Each client in turn, against a new receiver by that command, which says ``ready URL``; medians."""
    samples: dict[str, list[dict[str, Any]]] = {name: [] for name in clients}
    for _ in range(1 if quick else 3):
        for name, client in clients.items():
            with running("receiver", receiver(), {"PYTHONPATH": str(TOP)}) as program:
                program.wait_for(b"ready ", timeout=30)
                url = program.log.read_text().split("ready ", 1)[1].split()[0]
                samples[name].append(client(url.rstrip("/")))
            say(f"{name}: {samples[name][-1]['rate']:,.0f}/s")
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} | {"runs": len(runs)}
        for name, runs in samples.items()
    }
