"""``python -m benchmarks``: measure, print, and if asked write the documentation page."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from benchmarks.machine import UnfitMachineError, choose_cores, raise_file_limit
from benchmarks.native import LoadGenerator, NativeError, build
from benchmarks.peers import ServerFailedError, all_peers
from benchmarks.report import print_report, write_page
from benchmarks.rest_client import RequestFailedError
from benchmarks.run import measure
from benchmarks.scenarios import Load, all_scenarios


@click.command()
@click.option(
    "--quick", is_flag=True, help="A short run that shows that everything works; its numbers mean little."
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=None, help="Times everything is measured [3; quick: 1]."
)
@click.option(
    "--only", default="", metavar="TEXT", help="Measure only scenarios whose title contains this text."
)
@click.option("--write", is_flag=True, help="Write docs/benchmarks.md too.")
def main(quick: bool, rounds: int | None, only: str, write: bool) -> None:
    """Measure Tidewire beside a bare C sender, the server on one core and the clients on another."""
    if write and (quick or only):
        raise click.UsageError("--write needs the whole run, without --quick and --only.")
    console = Console()
    rounds = rounds or (1 if quick else 3)
    scenarios = [scenario for scenario in all_scenarios() if only.lower() in scenario.title.lower()]
    peers = all_peers()
    try:
        server_core, client_core = choose_cores()
        raise_file_limit()
        build()
        load = Load(LoadGenerator(client_core), quick)
        results = measure(peers, scenarios, load, server_core, rounds, progress=_say)
    except (UnfitMachineError, NativeError, ServerFailedError, RequestFailedError) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)
    names = [peer.name for peer in peers]
    lines = results.lines(scenarios, names)
    print_report(console, lines, names)
    if write:
        write_page(lines, names, rounds)
        console.print("docs/benchmarks.md is written.")


def _say(text: str) -> None:
    # Plain lines: a live display would redraw on a core that is being measured.
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
