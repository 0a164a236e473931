"""What it costs that clients acknowledge what they received, by answering pings."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from benchmarks.native import Plan
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

SUBSCRIBERS: Final = 1_000
INTERVAL_US: Final = 20_000
"""Between two events: steady, and for long enough that every client is asked several times."""


class Acknowledgements:
    """Fan-out to clients that answer pings, and to the same that never do and so are asked once only."""

    title = f"Acknowledgements of {SUBSCRIBERS:,} subscribers under steady events"
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "answering": Metric("clients that answer pings: one event, first to last receipt", "messages/s"),
            "silent": Metric("clients that never do", "messages/s"),
            "ratio": Metric("the one rate to the other", "times", "at least 0.95"),
        }

    def suits(self, target: Running) -> bool:
        """Only Tidewire asks."""
        return target.matching is not None and "event" in target.requests

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """In turns, so that both see the same machine."""
        events = load.scaled(300, 60)
        plan = Plan(
            subscribers=SUBSCRIBERS,
            request=target.requests["event"],
            requests=events + events // 10,
            warm_up=events // 10,
            interval_us=INTERVAL_US,
        )
        rates: dict[bool, list[float]] = {True: [], False: []}
        for answers in (True, False, False, True):
            spread = load.request(target, replace(plan, pong=answers)).first_to_last
            assert spread is not None
            rates[answers].append((SUBSCRIBERS - 1) / spread.p50 * 1e6)
        answering, silent = (sum(rates[answers]) / len(rates[answers]) for answers in (True, False))
        return {"answering": answering, "silent": silent, "ratio": answering / silent}
