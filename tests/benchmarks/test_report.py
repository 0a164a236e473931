"""What is printed, written and drawn of the results."""

from __future__ import annotations

import io
import os
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from benchmarks.__main__ import main
from benchmarks.growth import Growth, Quantity, measure_growth
from benchmarks.machine import describe_machine
from benchmarks.native import BUILD, LoadGenerator
from benchmarks.peers import LIMIT, MATCHING, SUBJECT, all_peers
from benchmarks.plot import draw
from benchmarks.report import Report, print_report, write_page
from benchmarks.results import Line, Results
from benchmarks.scenarios import Load, Metric, all_scenarios
from benchmarks.scenarios.fan_out import FanOut
from click.testing import CliRunner
from rich.console import Console

CORE = min(os.sched_getaffinity(0))
SIZES = (125, 250, 500)
GROWTH = Growth(
    {
        "rate": Quantity("Fan-out", "messages/s", {"Tidewire": dict.fromkeys(SIZES, 5e4)}),
        "matching": Quantity(
            "Matching", "µs", {case: {size: size / 9 for size in SIZES} for case in MATCHING}
        ),
    }
)


def lines() -> list[Line]:
    """One scenario, two peers measured, three rounds."""
    results = Results()
    scenario = FanOut(1_000)
    for factor in (1, 3, 2):
        results.add(scenario, "Tidewire", {"alone": 30_000 * factor, "busy": 10})
        results.add(scenario, "nchan", {"alone": 20_000 * factor, "busy": 20})
    return results.lines([scenario, FanOut(10_000)], ["Tidewire", "nchan", "PocketBase"])


def test_lines_have_the_median_the_spread_and_the_ratio() -> None:
    alone, busy = lines()
    assert alone.metric.title.startswith("one event at a time")
    assert alone.median("nchan") == 40_000
    assert alone.spread("nchan") == (20_000, 60_000)
    assert alone.ratio("nchan") == 1.5
    assert alone.ratio("Tidewire") is None
    assert alone.ratio("PocketBase") is None
    assert busy.ratio("nchan") is None


@pytest.mark.parametrize(("ours", "theirs"), [([-1.0], [2.0]), ([1.0], [0.0])])
def test_what_is_not_positive_has_no_ratio(ours: list[float], theirs: list[float]) -> None:
    line = Line("scenario", Metric("time", "ms"), {"Tidewire": ours, "nchan": theirs})
    assert line.ratio("nchan") is None


def test_the_report_is_printed_and_written(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    missing = {"PocketBase": "install it with: pip"}
    report = Report(
        "2026-01-01", describe_machine(), ["Tidewire", "nchan"], missing, 3, True, lines(), GROWTH
    )
    printed = io.StringIO()
    print_report(Console(file=printed, width=200), report)
    write_page(report, tmp_path)

    for text in ("60,000", "30,000 to 90,000", "1.50", "at least 0.9", "install it with: pip"):
        assert text in printed.getvalue()
    page = (tmp_path / "benchmarks.md").read_text("utf-8")
    row = "| one event at a time, first to last receipt (messages/s) | 60,000 (30,000 to 90,000) "
    assert f"{row}| 40,000 (20,000 to 60,000) **1.50** | at least 0.9" in page
    assert "PocketBase was not measured this time" in page
    assert "A short run" in page
    assert f"| {MATCHING['equality']} | 13.9 | 27.8 | 55.6 |" in page
    numbers = (tmp_path / "benchmarks.json").read_bytes()
    assert msgspec.json.decode(numbers, type=Report) == report
    assert (tmp_path / "images" / "benchmarks-growth.svg").read_text("utf-8") == draw(GROWTH)


def test_the_plot_shows_every_series() -> None:
    root = ElementTree.fromstring(draw(GROWTH))
    space = "{http://www.w3.org/2000/svg}"
    lines = root.findall(f"{space}polyline")
    assert len(lines) == 1 + len(MATCHING)
    assert all(len((line.get("points") or "").split()) == len(SIZES) for line in lines)
    texts = {text.text for text in root.findall(f"{space}text")}
    assert {"Fan-out", "Tidewire", "250", *MATCHING.values()} <= texts


@pytest.mark.parametrize("quick", [False, True])
def test_scenarios_have_titles_of_their_own(quick: bool) -> None:
    titles = [scenario.title for scenario in all_scenarios(quick)]
    assert len(set(titles)) == len(titles)
    names = [peer.name for peer in all_peers()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--write", "--only", "growth"], "--write needs the whole run"),
        (["--write", "--peers", "bun"], "--write needs the whole run"),
        (["--only", "nothing of this name"], "no scenario's title contains"),
        (["--peers", "apache"], "no peer's name contains"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert complaint in result.output


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="it needs two cores")
def test_a_part_of_it_runs() -> None:
    arguments = ["--quick", "--peers", "bare", "--only", "connect and subscribe"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "bare C sender" in result.output


def test_growth_is_measured_for_each_number_of_connections(generator: LoadGenerator) -> None:
    peers = [peer for peer in all_peers() if peer.name in {SUBJECT, LIMIT}]
    BUILD.mkdir(exist_ok=True)
    growth = measure_growth(peers, Load(generator, quick=True), CORE, lambda _: None, (10, 20))
    for name in ("rate", "latency", "memory"):
        assert set(growth.quantities[name].series) == {SUBJECT, LIMIT}
    assert set(growth.quantities["matching"].series) == set(MATCHING)
    for quantity in growth.quantities.values():
        for values in quantity.series.values():
            assert list(values) == [10, 20]
    assert all(value > 0 for value in growth.quantities["rate"].series[SUBJECT].values())
    ElementTree.fromstring(draw(growth))
