"""From the sending of a request to the receipt of its event: alone on the machine, and under steady load."""

from __future__ import annotations

from typing import Final

from benchmarks.native import Plan
from benchmarks.payload import EVENT_BYTES
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

LOADED_SUBSCRIBERS: Final = 1_000
EVENTS_PER_SECOND: Final = 20
WAITING: Final = 64
"""Requests that may be on their way: a server that stumbles is sent the next ones all the same."""


class LatencyUnderLoad:
    """Events at a steady pace that every server can keep up with; every subscriber's receipt counts."""

    title = (
        f"Latency under load: {EVENTS_PER_SECOND} events a second of {EVENT_BYTES:,} bytes "
        f"to {LOADED_SUBSCRIBERS:,} subscribers"
    )
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "p50": Metric("request sent to event received, p50", "ms"),
            "p99": Metric("request sent to event received, p99", "ms"),
            "rate": Metric("receipts", "messages/s"),
        }

    def suits(self, target: Running) -> bool:
        """Every server can."""
        return "event" in target.requests

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        plan = Plan(
            subscribers=LOADED_SUBSCRIBERS,
            request=target.requests["event"],
            requests=EVENTS_PER_SECOND * load.scaled(6, 2),
            warm_up=EVENTS_PER_SECOND,
            in_flight=WAITING,
            interval_us=1_000_000 // EVENTS_PER_SECOND,
        )
        requested = load.request(target, plan)
        assert requested.receipt
        return {
            "p50": requested.receipt.p50 / 1e3,
            "p99": requested.receipt.p99 / 1e3,
            "rate": requested.messages / requested.seconds,
        }


class UploadLatency:
    """One upload at a time, with pauses; every subscriber's receipt counts."""

    title = "Upload of a 1 KB file to 100 subscribers, one at a time, idle machine"
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "p50": Metric("request sent to event received, p50", "ms"),
            "p99": Metric("request sent to event received, p99", "ms", "under 15 ms"),
            "max": Metric("request sent to event received, slowest", "ms"),
            "response": Metric("request sent to its answer, p50", "ms"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it stores files."""
        return "upload" in target.requests

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        requests = load.scaled(500, 50)
        plan = Plan(
            subscribers=100,
            request=target.requests["upload"],
            requests=20 + requests,
            warm_up=20,
            interval_us=10_000,
        )
        requested = load.request(target, plan)
        assert requested.receipt
        return {
            "p50": requested.receipt.p50 / 1e3,
            "p99": requested.receipt.p99 / 1e3,
            "max": requested.receipt.max / 1e3,
            "response": requested.response.p50 / 1e3,
        }
