"""``python -m benchmarks``: measure, print, and if asked write the documentation page."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime

import click
from rich.console import Console

from benchmarks.compare import ROUNDS, ROWS, compare, compared_scenarios, print_comparison
from benchmarks.growth import QUICK_SIZES, SIZES, measure_growth
from benchmarks.growth import TITLE as GROWTH
from benchmarks.machine import UnfitMachineError, choose_cores, describe_machine, raise_file_limit
from benchmarks.native import LoadGenerator, NativeError, build
from benchmarks.peers import SUBJECT, Peer, ServerFailedError, all_peers
from benchmarks.peers.install import NotInstalledError
from benchmarks.peers.revision import Revision
from benchmarks.peers.tidewire import Tidewire
from benchmarks.report import Report, print_report, write_page
from benchmarks.rest_client import RequestFailedError
from benchmarks.results import Results
from benchmarks.run import measure
from benchmarks.scenarios import MANY, Load, all_scenarios


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
@click.option(
    "--peers",
    "chosen",
    default="",
    metavar="NAMES",
    help="Measure beside these only: parts of names, parted by commas; 'none' for nobody.",
)
@click.option("--write", is_flag=True, help="Write docs/benchmarks.md, its plot and its numbers too.")
@click.option(
    "--compare",
    "revision",
    default="",
    metavar="REV",
    help="Measure this checkout beside that commit, in pairs; exit code 1 if something became worse.",
)
def main(quick: bool, rounds: int | None, only: str, chosen: str, write: bool, revision: str) -> None:
    """Measure Tidewire beside its peers, the server on one core and the clients on another."""
    if write and (only or chosen):
        raise click.UsageError("--write needs the whole run, without --only and --peers.")
    if revision and (write or chosen):
        raise click.UsageError("--compare measures two commits, without --write and --peers.")
    # Servers that were started are stopped, whichever way the run ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console()
    if revision:
        _compare(console, revision, quick, rounds or (1 if quick else ROUNDS), only)
        return
    rounds = rounds or (1 if quick else 3)
    scenarios = [scenario for scenario in all_scenarios(quick) if only.lower() in scenario.title.lower()]
    with_growth = only.lower() in GROWTH.lower()
    if not scenarios and not with_growth:
        raise click.UsageError(f"no scenario's title contains {only!r}")
    peers, missing = _available(_chosen(chosen))
    try:
        server_core, client_core = choose_cores()
        raise_file_limit()
        build()
        load = Load(LoadGenerator(client_core), quick)
        results = measure(peers, scenarios, load, server_core, rounds, _say) if scenarios else Results()
        sizes = QUICK_SIZES if quick else SIZES
        growth = measure_growth(peers, load, server_core, _say, sizes) if with_growth else None
    except (UnfitMachineError, NativeError, ServerFailedError, RequestFailedError) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)
    names = [peer.name for peer in peers]
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    lines = results.lines(scenarios, names)
    report = Report(day, describe_machine(), names, missing, rounds, quick, lines, growth)
    print_report(console, report)
    if write:
        write_page(report)
        console.print("docs/benchmarks.md is written.")


def _compare(console: Console, revision: str, quick: bool, rounds: int, only: str) -> None:
    """Print how this checkout stands to a commit. ``only`` chooses from all scenarios."""
    scenarios = (
        [scenario for scenario in all_scenarios(quick) if only.lower() in scenario.title.lower()]
        if only
        else compared_scenarios(MANY // 10 if quick else MANY)
    )
    if not scenarios:
        raise click.UsageError(f"no scenario's title contains {only!r}")
    try:
        other = Revision(revision)
        other.prepare()
        peers: list[Peer] = [Tidewire(), other]
        server_core, client_core = choose_cores()
        raise_file_limit()
        build()
        load = Load(LoadGenerator(client_core), quick, ROWS)
        results = measure(peers, scenarios, load, server_core, rounds, _say, paired=True)
    except (
        *(NotInstalledError, UnfitMachineError, NativeError),
        *(ServerFailedError, RequestFailedError),
    ) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)
    comparisons = compare(results.lines(scenarios, [SUBJECT, other.name]), SUBJECT, other.name)
    print_comparison(console, comparisons, SUBJECT, other.name)
    sys.exit(any(comparison.worse for comparison in comparisons))


def _chosen(text: str) -> list[Peer]:
    """The subject, and every peer or those whose names contain one of the words."""
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    if not words:
        return all_peers()
    names = {peer.name for peer in all_peers() if any(word in peer.name.lower() for word in words)}
    if not names and words != ["none"]:
        raise click.UsageError(f"no peer's name contains any of {', '.join(words)}")
    return [peer for peer in all_peers() if peer.name in {SUBJECT, *names}]


def _available(peers: list[Peer]) -> tuple[list[Peer], dict[str, str]]:
    """Those that are installed, and why the others are not, by name."""
    found, missing = list[Peer](), dict[str, str]()
    for peer in peers:
        try:
            peer.prepare()
            found.append(peer)
        except NotInstalledError as error:
            missing[peer.name] = str(error)
            _say(f"{peer.name} is left out; {error}")
    return found, missing


def _say(text: str) -> None:
    # Plain lines: a live display would redraw on a core that is being measured.
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
