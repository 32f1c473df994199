"""Receipt: how long after its due time a meeting's announcement is at a real relay, and at a webhook, on loopback."""

import secrets
import sys
import time
from typing import Any

from bench import lateness, product
from bench.place import CACHE, TOP, say
from bench.postgres import Server
from bench.program import running, ticking

RECEIVERS = {"relay, signed": "bench.relay", "webhook": "bench.receiver"}


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """300 meetings at random milliseconds over two minutes for each kind, both at the same time."""
    number, seconds, interval = (40, 20.0, 10) if quick else (300, 120.0, 60)
    credentials = CACHE / "log/credentials"
    credentials.mkdir(parents=True, exist_ok=True)
    (credentials / "nostr_nsec").write_text(secrets.token_hex(32))
    environment = {"PYTHONPATH": str(TOP)}
    command = [sys.executable, "-m"]
    with (
        running("receipt-relay", [*command, "bench.relay", "--times"], environment) as relay,
        running("receipt-webhook", [*command, "bench.receiver", "--times"], environment) as webhook,
    ):
        receivers = dict(zip(RECEIVERS, (relay, webhook), strict=True))
        for program in receivers.values():
            program.wait_for(b"ready ", timeout=30)
        urls = [program.log.read_text().split()[1].rstrip("/") for program in receivers.values()]
        name = product.database(server, "receipt", *urls)
        begin = time.time() + 15
        wanted = lateness.instants(number, begin, seconds)
        server.execute(
            "INSERT INTO events (name, start_time, identifier)"
            " SELECT t::text, to_timestamp(t::numeric / 1000000), t::text FROM unnest(%s::bigint[]) AS t",
            [wanted], name,
        )  # fmt: skip
        run = product.command(server, name, destinations=urls, interval=interval, jitter=0)
        say(f"receipt: {seconds:.0f} seconds begin")
        runs = ticking(run, interval, begin + seconds, {"CREDENTIALS_DIRECTORY": str(credentials)})
        found = {}
        for kind, program in receivers.items():
            lines = [line.split() for line in program.log.read_text().splitlines()]
            pairs = [
                [int(word) for word in words] for words in lines if len(words) == 2 and words[0].isdigit()
            ]
            found[f"ours, {kind}"] = lateness.late(wanted, pairs) | {"runs": runs}
    return found
