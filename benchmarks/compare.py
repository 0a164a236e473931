"""This checkout beside another commit: paired rounds of one run, and what can be said of their ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.report import number
from benchmarks.results import Line
from benchmarks.scenarios import Metric, Scenario, Unit
from benchmarks.scenarios.connections import Memory
from benchmarks.scenarios.fan_out import FanOut
from benchmarks.scenarios.rows import RowRate

ROUNDS: Final = 9
"""Pairs that are measured if nothing else is said: enough for the interval to leave out the extremes."""
ROWS: Final = 100_000
"""Of the tables: to fill a million, twice, would take longer than to measure."""
CONFIDENCE: Final = 0.95
FLOOR: Final = 0.97
"""A metric whose whole interval lies below has become worse."""

_RATES: Final[frozenset[Unit]] = frozenset({"messages/s", "connections/s", "requests/s"})


def compared_scenarios(connections: int) -> list[Scenario]:
    """What is compared if nothing else is asked for: a few minutes, and what most changes would show in."""
    return [
        FanOut(1_000),
        RowRate("create", "Create a row", "", 3_000),
        RowRate("get", "Get a row", "", 5_000),
        Memory(1, connections),
    ]


@dataclass(frozen=True)
class Comparison:
    """One metric, in pairs: the present value by the other's, turned so that above 1 is better."""

    scenario: str
    metric: Metric
    present: float
    """Median of the present values."""
    other: float
    """Median of the other commit's."""
    ratios: tuple[float, ...]
    """One for each pair, in ascending order."""

    @property
    def median(self) -> float:
        """The middle ratio."""
        return median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true median ratio lies with at least :data:`CONFIDENCE`, or as near as the pairs allow.

        The interval of the sign test, between two order statistics: it supposes nothing of how the ratios
        are distributed, only that the pairs do not depend on each other.
        """
        left_out = _left_out(len(self.ratios))
        return self.ratios[left_out], self.ratios[-1 - left_out]

    @property
    def coverage(self) -> float:
        """The confidence that :attr:`interval` really has."""
        return _coverage(len(self.ratios), _left_out(len(self.ratios)))

    @property
    def worse(self) -> bool:
        """Whether the interval lies below :data:`FLOOR`."""
        return self.interval[1] < FLOOR


def compare(lines: list[Line], present: str, other: str) -> list[Comparison]:
    """Pair the rounds of two peers; metrics that mean nothing side by side are left out."""
    return [
        Comparison(line.scenario, line.metric, line.median(present), line.median(other), ratios)
        for line in lines
        if line.metric.comparable and (ratios := _ratios(line, present, other))
    ]


def print_comparison(console: Console, comparisons: list[Comparison], present: str, other: str) -> None:
    """Print one row for each metric."""
    pairs = max((len(comparison.ratios) for comparison in comparisons), default=0)
    table = Table(
        "", present, other, "median ratio", "interval", title=f"{present} beside {other}, {pairs} pairs"
    )
    for comparison in comparisons:
        low, high = comparison.interval
        style = "red" if comparison.worse else ""
        table.add_row(
            f"{comparison.scenario}: {comparison.metric.title} ({comparison.metric.unit})",
            number(comparison.present),
            number(comparison.other),
            f"{comparison.median:.3f}",
            f"{low:.3f} to {high:.3f} ({comparison.coverage:.0%})",
            style=style,
        )
    console.print(table)
    console.print(
        f"Above 1 is better for {present}, whatever the unit. Below {FLOOR} as a whole: worse.", markup=False
    )


def _ratios(line: Line, present: str, other: str) -> tuple[float, ...]:
    pairs = zip(line.values.get(present, ()), line.values.get(other, ()), strict=True)
    turned = ((ours, theirs) if line.metric.unit in _RATES else (theirs, ours) for ours, theirs in pairs)
    return tuple(sorted(over / under for over, under in turned if over > 0 and under > 0))


def _coverage(count: int, left_out: int) -> float:
    outside = sum(math.comb(count, below) for below in range(left_out + 1))
    return 1 - outside / float(2 ** (count - 1))


def _left_out(count: int) -> int:
    """How many of the lowest, and of the highest, the interval leaves out."""
    fitting = [number for number in range((count + 1) // 2) if _coverage(count, number) >= CONFIDENCE]
    return max(fitting, default=0)
