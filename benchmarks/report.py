"""Results for people: tables on the terminal, a page and a plot for the documentation, JSON for programs.

``python -m benchmarks.report`` writes page and plot anew from ``docs/benchmarks.json``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.compressed_answers import SECTION as COMPRESSED_ANSWERS
from benchmarks.growth import TITLE as GROWTH_TITLE
from benchmarks.growth import Growth, Quantity
from benchmarks.page import ABOUT_PEERS, GROWTH_TEXT, METHOD
from benchmarks.peers import MATCHING
from benchmarks.plot import draw
from benchmarks.results import Line

DOCS: Final = Path(__file__).parent.parent / "docs"
PAGE: Final = "benchmarks.md"
NUMBERS: Final = "benchmarks.json"
PLOT: Final = "images/benchmarks-growth.svg"


class Report(msgspec.Struct, frozen=True):
    """What one run of the benchmarks found."""

    day: str
    machine: dict[str, str]
    peers: list[str]
    missing: dict[str, str]
    """Peers that were not installed, and how to get them."""
    rounds: int
    quick: bool
    """Whether this was only a smoke run."""
    lines: list[Line]
    growth: Growth | None = None


def print_report(console: Console, report: Report) -> None:
    """Print one table for each scenario."""
    for title, group in _by_scenario(report.lines):
        peers = _measured(group, report.peers)
        table = Table("", *peers, *_goal_head(group), title=title, title_justify="left", title_style="bold")
        for line in group:
            table.add_row(*_cells(line, peers, "\n"), *_goal(line, group))
        console.print(table)
    for quantity in report.growth.quantities.values() if report.growth else ():
        sizes, rows = _growth_rows(quantity)
        table = Table("", *sizes, title=_growth_title(quantity), title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for peer, reason in report.missing.items():
        console.print(f"{peer} was left out; {reason}", markup=False)


def write_page(report: Report, docs: Path = DOCS) -> None:
    """Write the documentation page, its plot, and the numbers of both."""
    (docs / NUMBERS).write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    (docs / PAGE).write_text("\n".join(_page(report)) + "\n", encoding="utf-8")
    if report.growth:
        (docs / PLOT).write_text(draw(report.growth), encoding="utf-8")


def _page(report: Report) -> Iterator[str]:
    yield "# Benchmarks\n"
    yield f"Written by `make bench ARGS=--write` on {report.day}. The ratios should carry"
    yield "over to other machines; the absolute numbers are those of this machine only.\n"
    if report.quick:
        yield "**A short run (`--quick`): it shows that everything works, its numbers mean little.**\n"
    yield "## Machine\n\n| | |\n|---|---|"
    yield from (f"| {name} | {value} |" for name, value in report.machine.items())
    yield "\n" + METHOD.format(rounds=report.rounds)
    yield ABOUT_PEERS
    yield from (f"{peer} was not measured this time: it was not installed.\n" for peer in report.missing)
    yield "## Results\n\nBehind a peer's value stands Tidewire's by the peer's: above 1 is"
    yield "better for Tidewire where rates are compared, below 1 where times and bytes are."
    for title, group in _by_scenario(report.lines):
        peers = _measured(group, report.peers)
        heads = ["", *peers, *_goal_head(group)]
        yield f"\n### {title}\n\n{_row(heads)}\n{_row(['---'] * len(heads))}"
        yield from (_row([*_cells(line, peers, " "), *_goal(line, group)]) for line in group)
    if report.growth:
        yield f"\n### {GROWTH_TITLE}\n\n{GROWTH_TEXT}\n![{GROWTH_TITLE}]({PLOT})"
        for quantity in report.growth.quantities.values():
            sizes, rows = _growth_rows(quantity)
            yield f"\n**{_growth_title(quantity)}**\n\n{_row(['', *sizes])}"
            yield _row(["---"] * (len(sizes) + 1))
            yield from (_row(row) for row in rows)
    if COMPRESSED_ANSWERS.exists():
        yield "\n" + COMPRESSED_ANSWERS.read_text(encoding="utf-8").rstrip()


def _by_scenario(lines: list[Line]) -> Iterator[tuple[str, list[Line]]]:
    for title, group in groupby(lines, key=lambda line: line.scenario):
        yield title, list(group)


def _measured(lines: list[Line], peers: list[str]) -> list[str]:
    return [peer for peer in peers if any(peer in line.values for line in lines)]


def _goal_head(lines: list[Line]) -> list[str]:
    return ["goal"] if any(line.metric.goal for line in lines) else []


def _goal(line: Line, lines: list[Line]) -> list[str]:
    return [line.metric.goal] if _goal_head(lines) else []


def _cells(line: Line, peers: list[str], separator: str) -> list[str]:
    return [f"{line.metric.title} ({line.metric.unit})", *(_value(line, peer, separator) for peer in peers)]


def _value(line: Line, peer: str, separator: str) -> str:
    if peer not in line.values:
        return ""
    least, greatest = line.spread(peer)
    shown = [number(line.median(peer))]
    if least != greatest:
        shown.append(f"({number(least)} to {number(greatest)})")
    ratio = line.ratio(peer)
    if ratio is not None:
        shown.append(f"**{ratio:.2f}**" if separator == " " else f"{ratio:.2f}")
    return separator.join(shown)


def _growth_title(quantity: Quantity) -> str:
    return f"{quantity.title} ({quantity.unit})"


def _growth_rows(quantity: Quantity) -> tuple[list[str], list[list[str]]]:
    sizes = sorted({size for values in quantity.series.values() for size in values})
    rows = [
        [MATCHING.get(name, name), *(number(values[size]) for size in sizes)]
        for name, values in quantity.series.items()
    ]
    return [f"{size:,}" for size in sizes], rows


def number(value: float) -> str:
    """Three digits or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write_page(msgspec.json.decode((DOCS / NUMBERS).read_bytes(), type=Report))
