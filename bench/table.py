"""Results as Markdown tables, with ratios to what was measured in the same run."""

from typing import Any

Found = dict[str, Any]


def of(mode: str, found: Found) -> str:
    """The table of one mode."""
    return {
        "lateness": _lateness, "burst": _burst, "scale": _scale, "idle": _idle, "growth": _growth,
        "publish": _publish, "webhooks": _beside, "receipt": _lateness, "backlog": _backlog, "deploy": _deploy,
    }[mode](found)  # fmt: skip


def _rows(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _lateness(found: Found) -> str:
    rows = [
        [name, str(one["number"]), f"{one['p50']:,.1f}", f"{one['p99']:,.1f}", f"{one['max']:,.1f}",
         str(one["early"]), str(one["lost"])]
        for name, one in found.items()
    ]  # fmt: skip
    return _rows(["ms after the due time", "meetings", "p50", "p99", "max", "early", "lost"], rows)


def _burst(found: Found) -> str:
    parts = []
    for number, systems in found.items():
        loop = systems["ideal loop, lease (raw c)"]["rate"]
        best = systems.get("graphile-worker at its best", {}).get("rate")
        rows = [
            [name + (f" ({one['number']:,.0f} jobs)" if one.get("number", int(number)) != int(number) else ""),
             f"{one['rate']:,.0f}", f"{one['rate'] / loop:.2f}", f"{one['rate'] / best:.2f}" if best else "-",
             f"{one['seconds']:.2f}",
             f"{one['cpu'] / one.get('number', int(number)) * 1e6:,.0f}", f"{one['peak_mb']:,.0f}"]
            for name, one in systems.items()
        ]  # fmt: skip
        head = [f"{int(number):,} at once", "a second", "of the lease loop", "of graphile-worker", "seconds",
                "own CPU, us each", "peak MB"]  # fmt: skip
        parts.append(_rows(head, rows))
    return "\n\n".join(parts)


def _backlog(found: Found) -> str:
    rows = [
        [name, f"{one['rate']:,.0f}", f"{one['seconds']:,.0f}", f"{one['peak_mb']:,.0f}"]
        for name, one in found.items()
    ]
    return _rows(["due at once", "a second", "seconds", "peak MB"], rows)


def _scale(found: Found) -> str:
    names = list(found["1"])
    rows = [
        [
            number,
            *(
                f"{one[name]['rate']:,.0f} ({one[name]['rate'] / found['1'][name]['rate']:.2f})"
                for name in names
            ),
        ]
        for number, one in found.items()
    ]
    return _rows(["processes", *(f"{name}, a second (of one)" for name in names)], rows)


def _idle(found: Found) -> str:
    floor = found["import psycopg, connect, one query"]
    rows = [
        [name, f"{one['cpu_ms']:.0f}", f"{one['cpu_ms'] / floor['cpu_ms']:.2f}", f"{one['wall_ms']:.0f}",
         f"{one['peak_mb']:.1f}", f"{one['peak_mb'] / floor['peak_mb']:.2f}"]
        for name, one in found.items()
    ]  # fmt: skip
    return _rows(["whole process", "CPU ms", "of the floor", "wall ms", "peak MB", "of the floor"], rows)


def _growth(found: Found) -> str:
    first = next(iter(found.values()))
    rows = [
        [query, *(f"{one[query]:.2f} ({one[query] / first[query]:.1f})" for one in found.values())]
        for query in first
    ]
    return _rows(["query, ms (of the first)", *found], rows)


def _beside(found: Found) -> str:
    bare = next(one for name, one in found.items() if not name.startswith("ours"))
    rows = [
        [name, f"{one['number']:,}", f"{one['rate']:,.0f}", f"{one['rate'] / bare['rate']:.2f}",
         f"{one['cpu'] / one['number'] * 1e6:,.0f}"]
        for name, one in found.items()
    ]  # fmt: skip
    return _rows(["client", "meetings", "a second", "of the bare client", "own CPU, us each"], rows)


def _publish(found: Found) -> str:
    return "\n\n".join(f"To {relay}:\n\n{_beside(clients)}" for relay, clients in found.items())


def _deploy(found: Found) -> str:
    parts = []
    by_hand = next(iter(found.values()))
    for case in by_hand:
        alone = case.partition(", ")[0] + ", one host"
        rows = [
            [name, f"{one[case]['seconds']:.1f}", f"{one[case]['seconds'] / by_hand[case]['seconds']:.2f}",
             f"{one[case]['seconds'] / one[alone]['seconds']:.2f}", f"{one[case]['tasks']:.0f}",
             f"{one[case]['bytes'] / 1000:,.0f}"]
            for name, one in found.items() if case in one
        ]  # fmt: skip
        head = [case, "seconds", "of by hand", "of one host", "tasks", "kB sent"]
        parts.append(_rows(head, rows))
    return "\n\n".join(parts)
