"""``make chaos``: the run at full size, with progress and a report."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import quantiles

import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.functions import FunctionsChaos
from tests.chaos.run import Chaos, Outcome, Size
from tests.chaos.storm import StormOutcome, storm


def main() -> int:
    """Run and report; the exit code is 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--cuts", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--storm", type=int, nargs="?", const=10_000, help="clients that come back at once")
    parser.add_argument(
        "--functions", type=int, nargs="?", const=20, help="rounds of kills amid builds and runs of functions"
    )
    given = parser.parse_args()
    size = Size(
        given.clients,
        given.events,
        given.cuts,
        given.kills,
        not given.no_browser,
        given.seed,
        given.workers,
    )
    if given.functions:
        return _run_functions(given.functions, given.seed)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns) as bars, tempfile.TemporaryDirectory() as directory:
        tasks = {phase: bars.add_task(phase, total=None) for phase in ("connecting", "writing", "settling")}

        def show(phase: str, done: int, total: int) -> None:
            bars.update(tasks[phase], completed=done, total=total)

        if given.storm:
            bars.update(tasks["writing"], visible=False)
            return _report_storm(uvloop.run(storm(Path(directory), given.storm, show)))
        outcome = asyncio.run(Chaos(Path(directory), size, show).run())
    _report(outcome)
    return 0 if outcome.sound else 1


def _run_functions(rounds: int, seed: int) -> int:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns) as bars, tempfile.TemporaryDirectory() as directory:
        task = bars.add_task("killing", total=None)

        def show(phase: str, done: int, total: int) -> None:
            bars.update(task, description=phase, completed=done, total=total)

        outcome = FunctionsChaos(Path(directory), rounds, seed, show).run()
    console = Console()
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.acknowledged.items()))
    console.print(f"{outcome.kills} kills; acknowledged: {counts}")
    for problem in outcome.problems:
        console.print(problem, style="red")
    console.print("[green]all done, nothing twice" if outcome.sound else "[red]not sound")
    return 0 if outcome.sound else 1


def _report_storm(outcome: StormOutcome) -> int:
    before, during = (
        quantiles(latencies, n=100)[98] * 1000
        for latencies in (outcome.healthy_before, outcome.healthy_during)
    )
    Console().print(
        f"{outcome.clients} clients were back with everything {outcome.seconds:.1f} s after the restart; "
        f"{outcome.not_recovered} not recovered, {outcome.incomplete} incomplete; "
        f"healthy clients: p99 {before:.0f} ms before, {during:.0f} ms meanwhile"
    )
    return 0 if outcome.sound else 1


def _report(outcome: Outcome) -> None:
    console = Console()
    troubles = ", ".join(f"{count} {name}" for name, count in outcome.troubles.most_common())
    console.print(f"troubles: {troubles}; {outcome.reconnects} reconnects")
    console.print(
        f"{outcome.events} events, {outcome.deliveries} deliveries to {len(outcome.judgements)} clients, "
        f"{outcome.duplicates} of them again after a reconnect"
    )
    for judgement in outcome.judgements:
        if not judgement.sound:
            console.print(str(judgement), style="red")
    console.print("[green]nothing lost, order kept" if outcome.sound else "[red]not sound")


if __name__ == "__main__":
    sys.exit(main())
