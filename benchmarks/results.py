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
    """By peer, one value a round."""

    def median(self, peer: str) -> float | None:
        """The middle value, or None if the peer was not measured."""
        return median(self.values[peer]) if self.values.get(peer) else None

    def spread(self, peer: str) -> tuple[float, float]:
        """Least and greatest value of a measured peer."""
        return min(self.values[peer]), max(self.values[peer])

    def ratio(self, peer: str) -> float | None:
        """The subject's median by the peer's, of one and the same run; None if there is none to speak of."""
        ours, theirs = self.median(SUBJECT), self.median(peer)
        return ours / theirs if self.metric.comparable and ours is not None and theirs else None


@dataclass
class Results:
    """Everything measured in one run of the benchmarks."""

    _values: dict[tuple[str, str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, scenario: Scenario, peer: str, values: dict[str, float]) -> None:
        """Keep what a scenario measured in one round."""
        for name, value in values.items():
            self._values[scenario.title, name, peer].append(value)

    def lines(self, scenarios: list[Scenario], peers: list[str]) -> list[Line]:
        """All metrics in the scenarios' order; a peer that was not measured has no values."""
        return [
            Line(
                scenario.title,
                metric,
                {peer: self._values.get((scenario.title, name, peer), []) for peer in peers},
            )
            for scenario in scenarios
            for name, metric in scenario.metrics.items()
        ]
