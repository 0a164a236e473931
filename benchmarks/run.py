"""The order of the measurements: rounds, and within a round each scenario for each peer in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.peers import Peer, Running
from benchmarks.results import Results
from benchmarks.scenarios import Load, Scenario

Progress = Callable[[str], None]


@contextmanager
def started(peers: list[Peer], core: int, load: Load, progress: Progress) -> Iterator[dict[str, Running]]:
    """All servers at once, on the same core: those that are not measured are idle."""
    with ExitStack() as stack:
        running: dict[str, Running] = {}
        for peer in peers:
            progress(f"starting {peer.name}")
            running[peer.name] = stack.enter_context(peer.start(core, load.generator))
        yield running


def measure(
    peers: list[Peer],
    scenarios: list[Scenario],
    load: Load,
    core: int,
    rounds: int,
    progress: Progress,
    *,
    paired: bool = False,
) -> Results:
    """Measure everything ``rounds`` times, or once where that is enough.

    Peers take turns within a round, so that what else the machine does meets all of them alike. ``paired``
    rounds all measure everything, and each begins with whom the last one ended with: what drifts favours
    nobody. ``progress`` is called with what begins, once a measurement.
    """
    results = Results()
    with started(peers, core, load, progress) as running:
        for number in range(rounds):
            for scenario in scenarios:
                if scenario.once and number > 0 and not paired:
                    continue
                for peer in reversed(peers) if paired and number % 2 else peers:
                    if not scenario.suits(running[peer.name]):
                        continue
                    progress(f"round {number + 1} of {rounds} · {scenario.title} · {peer.name}")
                    with _target(scenario, peer, running, load, core) as target:
                        results.add(scenario, peer.name, scenario.measure(load, target))
    return results


@contextmanager
def _target(
    scenario: Scenario, peer: Peer, running: dict[str, Running], load: Load, core: int
) -> Iterator[Running]:
    if not scenario.fresh:
        yield running[peer.name]
        return
    with peer.start(core, load.generator) as fresh:
        yield fresh
