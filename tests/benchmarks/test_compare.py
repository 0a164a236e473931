"""Two commits in pairs: what is said of their ratio, and that an older commit can be run."""

from __future__ import annotations

import io
import os
from typing import ClassVar

import pytest
from benchmarks.__main__ import main
from benchmarks.compare import Comparison, compare, print_comparison
from benchmarks.native import LoadGenerator
from benchmarks.peers import Running
from benchmarks.peers.bare_sender import BareSender
from benchmarks.peers.install import NotInstalledError
from benchmarks.peers.revision import Revision
from benchmarks.results import Line
from benchmarks.run import measure
from benchmarks.scenarios import Load, Metric, Unit
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

CORE = min(os.sched_getaffinity(0))


class Order:
    """A scenario that notes who was measured."""

    title = "order"
    fresh = False
    once = True
    metrics: ClassVar = {"calls": Metric("so far", "times")}

    def __init__(self) -> None:
        self.ports: list[int] = []

    def suits(self, target: Running) -> bool:
        """Every server."""
        return target.endpoint.port > 0

    def measure(self, _load: Load, target: Running) -> dict[str, float]:
        """Note the server's port."""
        self.ports.append(target.endpoint.port)
        return {"calls": len(self.ports)}


def comparison(ours: list[float], theirs: list[float], unit: Unit = "requests/s") -> Comparison:
    """Of one metric."""
    (compared,) = compare([Line("scenario", Metric("it", unit), {"new": ours, "old": theirs})], "new", "old")
    return compared


@pytest.mark.parametrize(("unit", "ratio"), [("requests/s", 2.0), ("ms", 0.5), ("bytes", 0.5)])
def test_above_one_is_better_whatever_the_unit(unit: Unit, ratio: float) -> None:
    assert comparison([20.0, 20.0], [10.0, 10.0], unit).median == ratio


def test_rounds_are_paired() -> None:
    """The machine became ten times slower meanwhile, for both: each pair says the same."""
    compared = comparison([110, 11, 1.1], [100, 10, 1])
    assert [round(ratio, 9) for ratio in compared.ratios] == [1.1] * 3


def test_shares_and_what_is_not_positive_are_left_out() -> None:
    values = {"new": [1.0], "old": [2.0]}
    assert not compare([Line("scenario", Metric("busy", "%"), values)], "new", "old")
    assert not compare([Line("scenario", Metric("time", "ms"), {"new": [-1.0], "old": [2.0]})], "new", "old")


@pytest.mark.parametrize(
    ("pairs", "low", "high", "coverage"),
    # By the binomial distribution: with 9 pairs 1 - 2 * (1 + 9) / 512, with 20 the classic 6th to 15th.
    [(2, 0, 1, 0.5), (5, 0, 4, 0.9375), (6, 0, 5, 0.96875), (9, 1, 7, 0.9609375), (20, 5, 14, 0.9586105)],
)
def test_the_interval_is_that_of_the_sign_test(pairs: int, low: int, high: int, coverage: float) -> None:
    compared = comparison([float(number + 1) for number in range(pairs)], [1.0] * pairs)
    assert list(compared.interval) == [low + 1, high + 1]
    assert compared.coverage == pytest.approx(coverage)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=40))
def test_the_median_lies_in_its_interval(ratios: list[float]) -> None:
    compared = comparison(ratios, [1.0] * len(ratios))
    low, high = compared.interval
    assert low <= compared.median <= high


def test_only_a_whole_interval_below_the_floor_is_worse() -> None:
    assert comparison([0.9] * 9, [1.0] * 9).worse
    assert not comparison([0.9] * 7 + [0.98] * 2, [1.0] * 9).worse
    printed = io.StringIO()
    print_comparison(Console(file=printed, width=200), [comparison([0.9] * 9, [1.0] * 9)], "new", "old")
    assert "0.900 to 0.900 (96%)" in printed.getvalue()


def test_paired_rounds_take_turns_in_who_is_first_and_measure_everything(generator: LoadGenerator) -> None:
    order, load = Order(), Load(generator, quick=True)
    first, second = BareSender(), BareSender()
    second.name = "another"
    results = measure([first, second], [order], load, CORE, 3, lambda _: None, paired=True)
    a, b = order.ports[:2]
    assert a != b
    assert order.ports == [a, b, b, a, a, b]
    assert [len(line.values[second.name]) for line in results.lines([order], ["another"])] == [3]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="it needs two cores")
def test_this_checkout_beside_its_newest_commit() -> None:
    arguments = ["--quick", "--compare", "HEAD", "--only", "connect and subscribe"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (0, 1), result.output
    assert "median ratio" in result.output
    assert Revision("HEAD").name in result.output


@pytest.mark.parametrize(
    "arguments", [["--compare", "HEAD", "--write"], ["--compare", "HEAD", "--peers", "bun"]]
)
def test_it_goes_with_no_other_peers(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "--compare measures two commits" in result.output


def test_a_commit_that_is_not_there_is_named() -> None:
    with pytest.raises(NotInstalledError, match="no-such-commit"):
        Revision("no-such-commit")
