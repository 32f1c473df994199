"""Webhooks to a fast local receiver, beside a bare pooled HTTP client with as many requests at once."""

import sys
from pathlib import Path
from typing import Any

from bench import burst, product
from bench.place import HERE
from bench.postgres import Server
from bench.publish import OURS, alternate, of_program

AT_ONCE = 16
"""The default of `concurrency`."""


def measure(server: Server, quick: bool) -> dict[str, Any]:
    """Median rates."""
    number = 500 if quick else 10_000

    def bare(url: str) -> dict[str, Any]:
        command: list[str | Path] = [
            product.python(),
            HERE / "peers/bare_webhook.py",
            str(number),
            url,
            str(AT_ONCE),
        ]
        return of_program(command, number)

    def ours(url: str) -> dict[str, Any]:
        return burst.of_ours(server, number, True, url=url)

    return alternate(
        {"a bare pooled client": bare, OURS: ours}, lambda: [sys.executable, "-m", "bench.receiver"], quick
    )
