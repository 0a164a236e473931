"""From the sending of an upload to the receipt of its event, on an idle machine."""

from __future__ import annotations

from benchmarks.native import Plan
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric


class UploadLatency:
    """One upload at a time, with pauses; every subscriber's receipt counts."""

    title = "Upload of a 1 KB file to 100 subscribers, one at a time, idle machine"
    request = "upload"
    fresh = False

    def __init__(self) -> None:
        self.metrics = {
            "p50": Metric("request sent to event received, p50", "ms", "lower"),
            "p99": Metric("request sent to event received, p99", "ms", "lower", "under 15 ms"),
            "max": Metric("request sent to event received, slowest", "ms", "lower"),
            "response": Metric("request sent to its answer, p50", "ms", "lower"),
        }

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
