"""The growth measurements as a picture: four panels with logarithmic axes, written as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Final

from benchmarks.growth import Growth, Quantity
from benchmarks.peers import LIMIT, MATCHING, SUBJECT

COLOURS: Final = {
    SUBJECT: "#0b6bcb",
    LIMIT: "#6b7280",
    "Bun, own ids": "#d9480f",
    "Bun pub/sub": "#f4a261",
    "nchan": "#2b8a3e",
    "PocketBase": "#9c36b5",
    "channels": "#0c8599",
    "equality": "#5f3dc4",
    "range": "#c2255c",
}
OTHER_COLOUR: Final = "#000000"

PANEL_WIDTH: Final = 400
PANEL_HEIGHT: Final = 250
LEFT: Final = 72
TOP: Final = 56
GAP_X: Final = 84
GAP_Y: Final = 96
WIDTH: Final = LEFT + 2 * PANEL_WIDTH + GAP_X + 28
HEIGHT: Final = TOP + 2 * PANEL_HEIGHT + GAP_Y + 110
GRID: Final = "#e5e7eb"
INK: Final = "#1f2933"
SOFT: Final = "#616e7c"


def draw(growth: Growth) -> str:
    """The picture as SVG."""
    return "\n".join(_picture(growth)) + "\n"


def _picture(growth: Growth) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">'
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>'
    for number, quantity in enumerate(growth.quantities.values()):
        left = LEFT + number % 2 * (PANEL_WIDTH + GAP_X)
        top = TOP + number // 2 * (PANEL_HEIGHT + GAP_Y)
        yield from _panel(quantity, left, top)
    servers = list(growth.quantities["rate"].series)
    yield from _legend({name: name for name in servers}, HEIGHT - 44)
    yield from _legend(MATCHING, HEIGHT - 18)
    yield "</svg>"


def _panel(quantity: Quantity, left: int, top: int) -> Iterator[str]:
    sizes = sorted({size for values in quantity.series.values() for size in values})
    values = [value for series in quantity.series.values() for value in series.values() if value > 0]
    low, high = _bounds(values)
    bottom = top + PANEL_HEIGHT

    def x(size: float) -> float:
        return left + 12 + _position(size, sizes[0], sizes[-1]) * (PANEL_WIDTH - 24)

    def y(value: float) -> float:
        return bottom - _position(value, low, high) * PANEL_HEIGHT

    yield f'<text x="{left}" y="{top - 30}" font-size="14" font-weight="600">{escape(quantity.title)}</text>'
    yield f'<text x="{left}" y="{top - 13}" fill="{SOFT}">{escape(quantity.unit)}</text>'
    for tick in _ticks(low, high):
        yield (
            f'<line x1="{left}" x2="{left + PANEL_WIDTH}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" '
            f'stroke="{GRID}"/><text x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" '
            f'fill="{SOFT}">{_short(tick)}</text>'
        )
    for size in sizes:
        yield (
            f'<text x="{x(size):.1f}" y="{bottom + 18}" text-anchor="middle" fill="{SOFT}">{size:,}</text>'
        )
    yield (
        f'<text x="{left + PANEL_WIDTH / 2}" y="{bottom + 35}" text-anchor="middle" fill="{SOFT}">'
        "connections</text>"
    )
    # The subject is drawn last, above the others.
    for name in sorted(quantity.series, key=lambda name: name == SUBJECT):
        places = [(x(size), y(value)) for size, value in quantity.series[name].items() if value > 0]
        yield from _line(name, places)


def _line(name: str, places: list[tuple[float, float]]) -> Iterator[str]:
    colour = COLOURS.get(name, OTHER_COLOUR)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    width = 3 if name == SUBJECT else 2
    yield (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
        'stroke-linejoin="round"/>'
    )
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width}" fill="{colour}"/>' for x, y in places)


def _legend(texts: dict[str, str], y: int) -> Iterator[str]:
    """Entries side by side, by name."""
    step = (WIDTH - LEFT - 28) / max(1, len(texts))
    for number, (name, text) in enumerate(texts.items()):
        yield from _entry(name, text, LEFT + number * step, y)


def _entry(name: str, text: str, x: float, y: float) -> Iterator[str]:
    colour = COLOURS.get(name, OTHER_COLOUR)
    yield f'<circle cx="{x + 5:.1f}" cy="{y - 4:.1f}" r="5" fill="{colour}"/>'
    yield f'<text x="{x + 16:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _bounds(values: list[float]) -> tuple[float, float]:
    """The nearest 1, 2 or 5 times a power of ten below and above all values."""
    steps = [factor * 10.0**power for power in range(-6, 12) for factor in (1, 2, 5)]
    low = max(step for step in steps if step <= min(values))
    high = min(step for step in steps if step >= max(values))
    return low, high if high > low else low * 10


def _ticks(low: float, high: float) -> list[float]:
    factors = (1,) if high / low > 200 else (1, 2, 5)
    ticks = [factor * 10.0**power for power in range(-6, 12) for factor in factors]
    return [tick for tick in ticks if low <= tick <= high * 1.0001]


def _position(value: float, low: float, high: float) -> float:
    """Between 0 and 1 on a logarithmic axis."""
    return math.log(value / low) / math.log(high / low) if high > low else 0.5


def _short(value: float) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value:,g}"
