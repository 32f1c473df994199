"""An idle run: nothing is due before the next one. What the whole process costs, beside what any such process must."""

import json
import os
import statistics
import subprocess
from typing import Any

from bench import product
from bench.place import CACHE, HERE, say
from bench.postgres import Server

_FLOOR = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("SELECT clock_timestamp()").fetchone()
"""


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """Medians of CPU, wall time and peak memory, the candidates in turn."""
    name = product.database(server, "idle", "journal:")
    run = [str(word) for word in product.command(server, name)]
    python, url = str(product.python()), server.url(name, "scheduler")
    commands = {
        "bare Python": [python, "-I", "-c", "pass"],
        "import psycopg, connect, one query": [python, "-I", "-c", _FLOOR, url],
        "ours, an idle run": run,
    }
    # As in the service: with a place for the metrics.
    state = CACHE / "state"
    state.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "STATE_DIRECTORY": str(state)}
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for turn in range(4 if quick else 21):
        for name, command in commands.items():
            meter = [python, "-I", "-S", str(HERE / "meter.py"), *command]
            done = subprocess.run(meter, capture_output=True, text=True, env=environment)
            found = json.loads(done.stdout)
            if found.pop("code") != 0:
                raise RuntimeError(f"{name}: {done.stderr[-1000:]}")
            if turn:  # the first one fills the caches
                samples[name].append(found)
    say("idle: done")
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} | {"runs": len(runs)}
        for name, runs in samples.items()
    }
