"""Lateness as a picture: the share of meetings that had fired so many milliseconds after their due time, as SVG."""

import math
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 760, 420, 56, 20, 48, 270
LOW, HIGH = 0.1, 10_000.0
_COLOURS = (
    "#d1495b",
    "#e8871e",
    "#2e86ab",
    "#3a9d5d",
    "#8e5bb5",
    "#a0785a",
    "#6c8a9b",
    "#b5a52a",
    "#4f6df5",
    "#888888",
)


def ecdf(title: str, curves: dict[str, list[float]]) -> str:
    """One step curve for each name; the first two are drawn bold. Grey text and grid read on light and on dark."""
    right = WIDTH - RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="12" fill="#888"><title>{escape(title)}</title>'
    ]
    for power in range(-1, 5):
        x = _x(10.0**power)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#888" stroke-opacity=".3"/>')
        label = f"{10.0**power:g}" if power < 3 else f"{10**power:,}"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{label}</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _y(share)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#888" stroke-opacity=".3"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    parts.append(
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 10}" text-anchor="middle">milliseconds after the due time</text>'
    )
    for index, (name, values) in enumerate(curves.items()):
        colour, bold = _COLOURS[index % len(_COLOURS)], 3 if index < 2 else 1.5
        path = f"M{_x(LOW):.1f} {_y(0):.1f}"
        for count, value in enumerate(sorted(values), 1):
            path += f"H{_x(value):.1f}V{_y(count / len(values)):.1f}"
        path += f"H{right}"
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{bold}"/>')
        y = TOP + 14 + 22 * index
        parts.append(f'<path d="M{right + 14} {y - 4}h18" stroke="{colour}" stroke-width="{bold}"/>')
        parts.append(f'<text x="{right + 38}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(value: float) -> float:
    share = math.log(min(max(value, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return LEFT + share * (WIDTH - RIGHT - LEFT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
