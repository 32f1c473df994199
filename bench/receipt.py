"""Receipt: how long after its due time a meeting's announcement is at a real relay, and at a webhook."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import host, lateness, product
from bench.place import CACHE, TOP, say
from bench.postgres import Server
from bench.program import Program, running, ticking

RECEIVERS = {"relay, signed": "bench.relay", "webhook": "bench.receiver"}
_LAB = "10.89.77.1"
"""The gateway of the lab's network: this machine, as its containers see it."""
_PORTS = ("7791", "7792")


@contextmanager
def _receivers(places: list[list[str]]) -> Iterator[dict[str, Program]]:
    """Both at work, each at its host and port."""
    command, environment = [sys.executable, "-m"], {"PYTHONPATH": str(TOP)}
    modules = [[module, "--times", *place] for module, place in zip(RECEIVERS.values(), places, strict=True)]
    with (
        running("receipt-relay", [*command, *modules[0]], environment) as relay,
        running("receipt-webhook", [*command, *modules[1]], environment) as webhook,
    ):
        for program in (relay, webhook):
            program.wait_for(b"ready ", timeout=30)
        yield dict(zip(RECEIVERS, (relay, webhook), strict=True))


def _key() -> Path:
    """The file of a new key, in a directory as systemd gives it to the service."""
    credentials = CACHE / "log/credentials"
    credentials.mkdir(parents=True, exist_ok=True)
    (credentials / "nostr_nsec").write_text(secrets.token_hex(32))
    return credentials / "nostr_nsec"


def _found(receivers: dict[str, Program], wanted: list[int], runs: int) -> dict[str, Any]:
    found = {}
    for kind, program in receivers.items():
        lines = [line.split() for line in program.log.read_text().splitlines()]
        pairs = [[int(word) for word in words] for words in lines if len(words) == 2 and words[0].isdigit()]
        found[f"ours, {kind}"] = lateness.late(wanted, pairs) | {"runs": runs}
    return found


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """300 meetings at random milliseconds over five minutes, each to both, from a host with a real timer."""
    if quick:
        return _quick(server)
    os.environ["BENCH_DESTINATIONS"] = f"ws://{_LAB}:{_PORTS[0]} http://{_LAB}:{_PORTS[1]}/hook"
    os.environ["BENCH_NSEC_FILE"] = str(_key())
    # The gateway has its address once there is a host.
    with host.deployed(host.SENDER), _receivers([[_LAB, port] for port in _PORTS]) as receivers:
        begin = time.time() + 60
        wanted = lateness.instants(300, begin, 300.0)
        host.schedule(host.SENDER, wanted)
        say("receipt: five minutes begin in a minute")
        time.sleep(max(0.0, begin + 306 - time.time()))
        return _found(receivers, wanted, host.runs(host.SENDER))


def _quick(server: Server) -> dict[str, Any]:
    """Twenty seconds on this machine; a loop starts the runs as systemd does."""
    with _receivers([[], []]) as receivers:
        urls = [program.log.read_text().split()[1].rstrip("/") for program in receivers.values()]
        name = product.database(server, "receipt", *urls)
        begin = time.time() + 15
        wanted = lateness.instants(40, begin, 20.0)
        server.execute(
            "INSERT INTO events (name, start_time, identifier)"
            " SELECT t::text, to_timestamp(t::numeric / 1000000), t::text FROM unnest(%s::bigint[]) AS t",
            [wanted], name,
        )  # fmt: skip
        run = product.command(server, name, destinations=urls, interval=10, jitter=0)
        say("receipt: 20 seconds begin")
        runs = ticking(run, 10, begin + 20, {"CREDENTIALS_DIRECTORY": str(_key().parent)})
        return _found(receivers, wanted, runs)
