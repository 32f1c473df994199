"""What was aimed at, beside what was measured: whatever was missed is said first."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from bench.publish import OURS

Found = dict[str, Any]


class Goal(NamedTuple):
    """One line; `most`: whether the bound is the most that it may be, else the least."""

    what: str
    bound: float
    most: bool
    value: float

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.value <= self.bound if self.most else self.value >= self.bound


def _lateness(found: Found) -> Iterator[Goal]:
    for name, one in found.items():
        if name.startswith("ours") and "journal" not in name:
            for part, bound in (("p50", 3.0), ("p99", 15.0), ("max", 250.0), ("early", 0), ("lost", 0)):
                unit = "" if part in ("early", "lost") else " ms"
                yield Goal(f"lateness, {name}: {part}{unit}", bound, True, one[part])


def _receipt(found: Found) -> Iterator[Goal]:
    for name, one in found.items():
        yield Goal(f"receipt, {name}: p99 ms", 40, True, one["p99"])


def _burst(found: Found) -> Iterator[Goal]:
    for number, systems in found.items():
        ours = systems["ours, deliveries caught ahead"]["rate"]
        what = f"burst of {int(number):,}, of "
        yield Goal(f"{what}the lease loop", 0.9, False, ours / systems["ideal loop, lease (raw c)"]["rate"])
        if "graphile-worker at its best" in systems:
            best = systems["graphile-worker at its best"]["rate"]
            yield Goal(f"{what}graphile-worker at its best", 1, False, ours / best)


def _beside(what: str, bound: float, found: Found) -> Goal:
    (ours,) = (one for key, one in found.items() if key.startswith("ours"))
    (bare,) = (one for key, one in found.items() if not key.startswith("ours"))
    return Goal(f"{what}, of a bare client", bound, False, ours["rate"] / bare["rate"])


def _publish(found: Found) -> Iterator[Goal]:
    for relay, clients in found.items():
        yield _beside(f"published to {relay}", 0.9, clients)
    ours = next(iter(found.values()))[OURS]
    yield Goal("published: own CPU for each, us", 250, True, ours["cpu"] / ours["number"] * 1e6)
    yield Goal("published: meetings in 3 minutes", 50_000, False, ours["rate"] * 180)


def _webhooks(found: Found) -> Iterator[Goal]:
    yield _beside("webhooks", 0.8, found)


def _idle(found: Found) -> Iterator[Goal]:
    floor = found["import psycopg, connect, one query"]["cpu_ms"]
    yield Goal("idle run: CPU, of the floor", 1.1, True, found["ours, an idle run"]["cpu_ms"] / floor)


def _growth(found: Found) -> Iterator[Goal]:
    first, *others = found.values()
    # The busy day has twenty times as many meetings in the window that a run looks at, which is no history.
    history = [
        one for (label, _), one in zip(list(found.items())[1:], others, strict=True) if "busy" not in label
    ]
    yield Goal("growth with history: the query that grows most", 1.5, True,
               max(one[query] / first[query] for one in history for query in first))  # fmt: skip


def _scale(found: Found) -> Iterator[Goal]:
    for number in list(found)[1:]:
        loop, ours = (found[number][name]["rate"] / found["1"][name]["rate"] for name in found["1"])
        yield Goal(f"{number} processes of one, in the loop's", 1, False, ours / loop)


def _backlog(found: Found) -> Iterator[Goal]:
    yield Goal("backlog: peak MB", 300, True, max(one["peak_mb"] for one in found.values()))


def _deploy(found: Found) -> Iterator[Goal]:
    hand, ours = next(iter(found.values())), found["ours"]
    one = "nothing to do, one host"
    yield Goal(
        "deploy that finds nothing to do, of by hand", 1.5, True, ours[one]["seconds"] / hand[one]["seconds"]
    )
    for case in ("first", "nothing to do"):
        few, many = (ours[f"{case}, {hosts}"]["seconds"] for hosts in ("one host", "twenty"))
        yield Goal(f"deploy, {case}: twenty hosts, of one", 4, True, many / few)


_OF = {
    "lateness": _lateness, "receipt": _receipt, "burst": _burst, "publish": _publish,
    "webhooks": _webhooks, "idle": _idle, "growth": _growth, "scale": _scale,
    "backlog": _backlog, "deploy": _deploy,
}  # fmt: skip


def table(results: list[dict[str, Any]]) -> str:
    """Markdown: what was missed first, then what was reached."""
    goals = [goal for result in results for goal in _OF[result["mode"]](result["found"])]
    lines = ["| what | aim | measured | |", "| --- | --- | --- | --- |"]
    for goal in sorted(goals, key=lambda goal: goal.met):
        sign = "at most" if goal.most else "at least"
        word = "reached" if goal.met else "**missed**"
        lines.append(f"| {goal.what} | {sign} {goal.bound:,g} | {goal.value:,.4g} | {word} |")
    return "\n".join(lines)
