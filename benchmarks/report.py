"""Results for people: a table on the terminal, a page for the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine
from benchmarks.peers import SUBJECT
from benchmarks.results import Line

PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"

METHOD: Final = """\
## Method

- The server runs on one core, with all its threads; the load generator (C, epoll) runs on another. The
  driver sleeps.
- The bare C sender is the physical limit: one thread that calls `send()` once per receiver and event,
  and nothing else. It is measured in the same run, in turns, by the same load generator. Both send
  messages of the same size that end with the receiver's own subscription id of 20 hexadecimal digits.
- Tidewire runs with its defaults (`synchronous=full`, one worker), but without rate limits. An event is
  caused by the update of a stored file over HTTP; its request, its commit to disk and its event are part
  of what is measured, on the server's core, wherever the table does not say otherwise. The bare sender
  stores nothing.
- Every subscriber is one WebSocket connection with one subscription. The load generator counts every
  message, checks the subscription id of each connection's first event, and fails on anything unexpected:
  a missing message, one too many, an error, a close.
- "One event at a time": the rate is the number of subscribers by the median time from the first receipt
  of an event to its last. "In flight": a request counts until it is answered and all subscribers have
  its event.
- Values are medians of {rounds} rounds, with the least and the greatest in brackets.
"""


def print_report(console: Console, lines: list[Line], peers: list[str]) -> None:
    """Print all results as one table."""
    table = Table("median (least to greatest)", *_heads(peers))
    for scenario, group in groupby(lines, key=lambda line: line.scenario):
        table.add_row(f"[bold]{scenario}")
        for line in group:
            table.add_row(*_cells(line, peers))
        table.add_section()
    console.print(table)


def write_page(lines: list[Line], peers: list[str], rounds: int, path: Path = PAGE) -> None:
    """Write the documentation page."""
    path.write_text("\n".join(_page(lines, peers, rounds)), encoding="utf-8")


def _page(lines: list[Line], peers: list[str], rounds: int) -> Iterator[str]:
    yield "# Benchmarks\n"
    yield f"Written by `make bench ARGS=--write` on {datetime.now(UTC):%Y-%m-%d}. The ratios should carry"
    yield "over to other machines; the absolute numbers are those of this machine only.\n"
    yield "## Machine\n\n| | |\n|---|---|"
    yield from (f"| {name} | {value} |" for name, value in describe_machine().items())
    yield "\n" + METHOD.format(rounds=rounds)
    yield "## Results"
    heads = ["", *_heads(peers)]
    for scenario, group in groupby(lines, key=lambda line: line.scenario):
        yield f"\n### {scenario}\n\n{_row(heads)}\n{_row(['---'] * len(heads))}"
        yield from (_row(_cells(line, peers)) for line in group)
    yield ""


def _heads(peers: list[str]) -> list[str]:
    return [*peers, *(f"ratio to {peer}" for peer in peers if peer != SUBJECT), "goal"]


def _cells(line: Line, peers: list[str]) -> list[str]:
    ratios = [line.ratio(peer) for peer in peers if peer != SUBJECT]
    return [
        line.metric.title,
        *(_value(line, peer) for peer in peers),
        *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
        line.metric.goal,
    ]


def _value(line: Line, peer: str) -> str:
    middle = line.median(peer)
    if middle is None:
        return ""
    shown = f"{_number(middle)} {line.metric.unit}"
    least, greatest = line.spread(peer)
    return shown if least == greatest else f"{shown} ({_number(least)} to {_number(greatest)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
