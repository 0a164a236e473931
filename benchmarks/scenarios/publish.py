"""Messages on a custom channel: from the request that publishes one to its receipt."""

from __future__ import annotations

from typing import Final

from benchmarks.native import Plan
from benchmarks.peers import MESSAGE, Running
from benchmarks.scenarios import Load, Metric

CLIENTS: Final = 16
"""Publishers, each sending the next message when the last is answered and received."""


class Publish:
    """Messages without history by REST with an API key, to one subscriber."""

    title = f"Publish on a custom channel without history, {CLIENTS} clients, one subscriber"
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "rate": Metric("published and received", "messages/s", "at least 3,000"),
            "p50": Metric("request sent to message received, p50", "ms"),
            "p99": Metric("request sent to message received, p99", "ms", "under 10 ms"),
            "busy": Metric("load generator's processor time", "%"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it has channels of this kind."""
        return MESSAGE in target.cases

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        case = target.cases[MESSAGE]
        count = load.scaled(20_000, 2_000)
        plan = Plan(
            subscribers=1,
            request=case.request,
            requests=count + count // 10,
            warm_up=count // 10,
            in_flight=CLIENTS,
        )
        requested = load.generator.run(case.endpoint, plan).requested
        assert requested and requested.receipt
        return {
            "rate": requested.messages / requested.seconds,
            "p50": requested.receipt.p50 / 1e3,
            "p99": requested.receipt.p99 / 1e3,
            "busy": requested.client_busy * 100,
        }
