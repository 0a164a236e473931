"""One event to many subscribers, each with a subscription id of its own where the server can do that."""

from __future__ import annotations

from typing import Final

from benchmarks.native import Plan
from benchmarks.payload import EVENT_BYTES
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

MESSAGES: Final = 200_000
"""About as many messages as a run measures, however many subscribers there are."""

IN_FLIGHT: Final = 16
"""Events that wait to be sent while the server is saturated: enough that it never waits for a request."""


class FanOut:
    """Messages a second: with events always waiting, and of one event alone."""

    fresh = False

    def __init__(self, subscribers: int) -> None:
        self.subscribers = subscribers
        self.once = subscribers > 1_000
        self.title = f"Fan-out to {subscribers:,} subscribers, events of {EVENT_BYTES:,} bytes"
        goal = "at least 0.9 of the bare C sender, ahead of all others" if subscribers == 1_000 else ""
        self.metrics = {
            "alone": Metric("one event at a time, first to last receipt", "messages/s", goal),
            "saturated": Metric(
                f"{IN_FLIGHT} events in flight, the work of their requests included", "messages/s"
            ),
            "last": Metric("from the answer to the request to the last receipt", "ms"),
            "busy": Metric("load generator's processor time while saturated", "%"),
        }

    def suits(self, target: Running) -> bool:
        """Every server can."""
        return "event" in target.requests

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Two runs: paced, then saturated."""
        events = max(4, load.scaled(MESSAGES, 20_000) // self.subscribers)
        alone = load.request(target, self._plan(target, events, in_flight=1))
        saturated = load.request(target, self._plan(target, events, in_flight=IN_FLIGHT))
        assert alone.first_to_last and alone.response_to_last
        return {
            "alone": (self.subscribers - 1) / alone.first_to_last.p50 * 1e6,
            "saturated": saturated.messages / saturated.seconds,
            "last": alone.response_to_last.p50 / 1e3,
            "busy": saturated.client_busy * 100,
        }

    def _plan(self, target: Running, events: int, in_flight: int) -> Plan:
        warm_up = max(in_flight, events // 10)
        return Plan(
            subscribers=self.subscribers,
            request=target.requests["event"],
            requests=warm_up + events,
            warm_up=warm_up,
            in_flight=in_flight,
        )
