"""The order of the measurements: rounds, and within a round each scenario for each peer in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.peers import Peer, Running
from benchmarks.results import Results
from benchmarks.scenarios import Load, Scenario

Progress = Callable[[str], None]


def measure(
    peers: list[Peer], scenarios: list[Scenario], load: Load, core: int, rounds: int, progress: Progress
) -> Results:
    """Measure everything ``rounds`` times.

    Peers take turns within a round, so that what else the machine does meets all of them alike.
    ``progress`` is called with what begins, once a measurement.
    """
    results = Results()
    with ExitStack() as stack:
        started: dict[str, Running] = {}
        for peer in peers:
            progress(f"starting {peer.name}")
            started[peer.name] = stack.enter_context(peer.start(core, load.generator))
        for number in range(rounds):
            for scenario in scenarios:
                for peer in peers:
                    if scenario.request is not None and scenario.request not in started[peer.name].requests:
                        continue
                    progress(f"round {number + 1} of {rounds} · {scenario.title} · {peer.name}")
                    with _target(scenario, peer, started, load, core) as target:
                        results.add(scenario, peer.name, scenario.measure(load, target))
    return results


@contextmanager
def _target(
    scenario: Scenario, peer: Peer, started: dict[str, Running], load: Load, core: int
) -> Iterator[Running]:
    if not scenario.fresh:
        yield started[peer.name]
        return
    with peer.start(core, load.generator) as fresh:
        yield fresh
