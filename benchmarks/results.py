"""Collected values, their medians, and ratios of the subject to a peer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from benchmarks.peers import SUBJECT
from benchmarks.scenarios import Metric, Scenario


@dataclass(frozen=True)
class Line:
    """One metric of one scenario over all rounds."""

    scenario: str
    metric: Metric
    values: dict[str, list[float]]
    """By peer, one value a round. A peer that was not measured is not there."""

    def median(self, peer: str) -> float:
        """The middle value of a measured peer."""
        return median(self.values[peer])

    def spread(self, peer: str) -> tuple[float, float]:
        """Least and greatest value of a measured peer."""
        return min(self.values[peer]), max(self.values[peer])

    def ratio(self, peer: str) -> float | None:
        """The subject's median by the peer's, of one and the same run; None if there is none to speak of."""
        measured = peer != SUBJECT and SUBJECT in self.values and peer in self.values
        if not measured or not self.metric.comparable or self.median(peer) <= 0 or self.median(SUBJECT) < 0:
            return None
        return self.median(SUBJECT) / self.median(peer)


@dataclass
class Results:
    """Everything measured in one run of the benchmarks."""

    _values: dict[tuple[str, str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, scenario: Scenario, peer: str, values: dict[str, float]) -> None:
        """Keep what a scenario measured in one round."""
        for name, value in values.items():
            self._values[scenario.title, name, peer].append(value)

    def lines(self, scenarios: list[Scenario], peers: list[str]) -> list[Line]:
        """All metrics in the scenarios' order; a metric that nobody was measured for is left out."""
        every = (
            Line(
                scenario.title,
                metric,
                {
                    peer: self._values[scenario.title, name, peer]
                    for peer in peers
                    if (scenario.title, name, peer) in self._values
                },
            )
            for scenario in scenarios
            for name, metric in scenario.metrics.items()
        )
        return [line for line in every if line.values]
