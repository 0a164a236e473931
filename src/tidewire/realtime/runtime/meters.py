"""Meters: what realtime counts on its hot path, as plain integers that are read only when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

_MATCH_BOUNDS: Final = (0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1)
_LATENCY_BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_CLOSES: Final = (
    *("refused", "internal_error", "restart", "slow", "try_later", "flood", "silent", "protocol"),
    *("too_large", "unfinished"),
)


class Histogram:
    """How often values fell between bounds, in seconds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds with the number of values up to each, as Prometheus has them."""
        found, count = [], 0
        for bound, more in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            count += more
            found.append((bound, float(count)))
        return found


class Meters:
    """The counts of one process since its start."""

    def __init__(self) -> None:
        self.events = 0
        self.frames = 0
        self.bytes = 0
        self.recovered: Counter[str] = Counter({"yes": 0, "no": 0})
        """Subscriptions that came back, or said where they were, by whether they got what they missed."""
        self.replayed = 0
        """Event frames that were sent from the log."""
        self.dropped = 0
        """Events of other processes that came faster than they could be delivered."""
        self.closes: Counter[str] = Counter(dict.fromkeys(_CLOSES, 0))
        """Connections closed by the server, by reason."""
        self.refused: Counter[str] = Counter({"1003": 0, "1013": 0})
        """Messages of clients that were refused, by the code of the error."""
        self.matching = Histogram(_MATCH_BOUNDS)
        self.latency = Histogram(_LATENCY_BOUNDS)
