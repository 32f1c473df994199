"""A backlog: more due at once than ever fits into memory, from the start of the process until all is recorded."""

from typing import Any

from bench import burst
from bench.place import say
from bench.postgres import Server


def measure(server: Server, quick: bool, full: bool = False) -> dict[str, Any]:
    """One run of 200,000, or, if `full`, of a million; what counts is the peak of its memory."""
    number = 20_000 if quick else 1_000_000 if full else 200_000
    say(f"backlog: {number:,} are due")
    # A run ends at its time-out, and the next one goes on; here it is one.
    return {f"ours, {number:,} due": burst.of_ours(server, number, True, patience=900, timeout=900)}
