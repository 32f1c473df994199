"""The picture of the last day and the next: what falls due in each half hour, how it ended, and how late. Pure."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

STEP = 1800
"""Seconds of a step."""
DAY = 86_400
GOAL = 1000
"""Milliseconds after its due time up to which an announcement counts as on time."""
WIDTH, HEIGHT = 960, 120
"""Of the drawing, in its own units: it is stretched to the place that it gets, so it holds no letters."""
KINDS = ("prompt", "late", "failed", "withdrawn", "waiting", "expected")
"""How a delivery ended, or that it has not yet; drawn in this order, from below."""


class Bar(NamedTuple):
    """One kind within a step."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Step(NamedTuple):
    """One half hour; `at` is its begin, in seconds since the epoch."""

    at: int
    counts: Mapping[str, int]
    p50: float | None
    max: float | None
    """Lateness of what was sent, in milliseconds."""
    bars: tuple[Bar, ...] = ()


class Mark(NamedTuple):
    """The lateness in a step: from the median up to the largest."""

    x: float
    p50: float
    max: float


class Timeline(NamedTuple):
    """What the page draws, and tells."""

    steps: tuple[Step, ...]
    """Those in which something falls due."""
    highest: int
    """The most that falls due in one step: the height of the drawing."""
    ticks: tuple[int, ...]
    """Times along the axis at equal distances, in seconds since the epoch."""
    marks: tuple[Mark, ...]
    """On the last day alone, drawn as wide as the whole."""
    decades: tuple[str, ...]
    """What the lines of the lateness say, from the top down."""
    goal: float
    """Where the goal lies."""
    earlier: int
    """What ended within the day, but had been due before it."""


def timeline(now: int, past: Iterable[Mapping[str, Any]], ahead: Iterable[Mapping[str, Any]]) -> Timeline:
    """From the rows of ``past`` and ``ahead`` in ``sql/page.sql``; `now`: seconds since the epoch."""
    begin, end = now - DAY, now + DAY
    counts: dict[int, dict[str, int]] = {}
    lateness: dict[int, tuple[float, float]] = {}
    earlier = 0
    for row in (*past, *ahead):
        at = row["at"] * STEP
        found = {kind: int(row[kind]) for kind in KINDS if row.get(kind)}
        if at + STEP <= begin:
            earlier += sum(found.values())
        elif found:
            into = counts.setdefault(at, {})
            for kind, n in found.items():
                into[kind] = into.get(kind, 0) + n
            if row.get("p50") is not None:
                lateness[at] = row["p50"], row["max"]
    highest = max((sum(found.values()) for found in counts.values()), default=0)
    steps = []
    for at, found in sorted(counts.items()):
        p50, most = lateness.get(at, (None, None))
        steps.append(Step(at, found, p50, most, tuple(_bars(at, found, begin, end, highest))))
    # From 1 ms up, at least to 10 s.
    top = max(4, math.ceil(_decade(max((most for _, most in lateness.values()), default=1))))
    marks = []
    for at, (p50, most) in sorted(lateness.items()):
        x = WIDTH * (min(max(at + STEP / 2, begin), now) - begin) / DAY
        marks.append(Mark(round(x, 1), _level(p50, top), _level(most, top)))
    words = tuple(_duration(10**power) for power in range(top, -1, -1))
    ticks = tuple(begin + step * DAY // 2 for step in range(5))
    return Timeline(tuple(steps), highest, ticks, tuple(marks), words, _level(GOAL, top), earlier)


def _bars(at: int, counts: Mapping[str, int], begin: int, end: int, highest: int) -> Iterable[Bar]:
    left, right = (WIDTH * (min(max(edge, begin), end) - begin) / (end - begin) for edge in (at, at + STEP))
    y = float(HEIGHT)
    for kind in KINDS:
        if counts.get(kind):
            # What is there is seen.
            height = max(2.0, HEIGHT * counts[kind] / highest)
            y = max(0.0, y - height)
            yield Bar(
                kind, round(left + 1, 1), round(y, 1), round(max(right - left - 2, 1), 1), round(height, 1)
            )


def _decade(milliseconds: float) -> float:
    return math.log10(max(milliseconds, 1))


def _level(milliseconds: float, top: int) -> float:
    return round(HEIGHT * (1 - _decade(milliseconds) / top), 1)


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:g} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.0f} s"
