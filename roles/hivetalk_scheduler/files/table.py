"""Prints one table of how all schedulers are doing, on the controller.

Standard input: JSON, for each host its name, and what state.py said or why it said nothing.
"""

import json
import sys
from typing import Any

COUNTS = ("pending", "overdue", "dead")
HEAD = ("HOST", "IS", "RELEASE", "TIMER", "LAST RUN (UTC)", "NEXT", *map(str.upper, COUNTS), "NOTE")


def row(host: dict[str, Any]) -> list[str]:
    """One host's cells."""
    state = host["state"]
    if state is None:
        # Of a traceback, what it is about.
        return [host["name"], *["-"] * (len(HEAD) - 2), host["problem"].strip().rpartition("\n")[2]]
    notes = [] if state["verdict"]["word"] == "OK" else [state["verdict"]["why"]]
    if state["result"]:
        notes.insert(0, f"the last run failed: {state['result']}")
    # A release of before does not say so itself.
    if state["paused"] and "paused until" not in state["verdict"]["why"]:
        notes.insert(0, "paused until {until}: {reason} ({by})".format(**state["paused"]))
    return [
        host["name"],
        state["verdict"]["word"],
        state["release"],
        "paused" if state["paused"] and state["timer"].startswith("inactive") else state["timer"],
        moment(state["last"]),
        "at work" if state["working"] else moment(state["next"]).partition(" ")[2],
        *(state["verdict"].get(count, "?") for count in COUNTS),
        "; ".join(notes),
    ]


def moment(words: str) -> str:
    """systemd's ``Mon 2026-11-23 17:00:05 UTC``, shorter; ``-`` for no time."""
    parts = words.split()
    return " ".join(parts[1:3]) if len(parts) == 4 else "-"


def table(rows: list[list[str]]) -> str:
    """The rows under the heads, each column as wide as it must be; one line a row, whatever the cells hold."""
    cells = [list(HEAD)] + [
        ["".join(c if c.isprintable() else " " for c in cell) or "-" for cell in one] for one in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    widths[-1] = 0
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip()
        for one in cells
    )


if __name__ == "__main__":
    print(table([row(host) for host in json.load(sys.stdin)]))
