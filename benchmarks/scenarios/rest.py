"""How many REST requests a second are answered."""

from __future__ import annotations

from benchmarks.native import Plan
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

CLIENTS = 32


class RequestRate:
    """The same request from many clients, each sending the next when the last is answered."""

    fresh = False
    once = False

    def __init__(self, request: str, title: str, count: int) -> None:
        self.request = request
        self.title = f"{title}, {CLIENTS} clients"
        self.count = count
        self.metrics = {
            "rate": Metric("answered", "requests/s"),
            "p99": Metric("request sent to its answer, p99", "ms"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it can be asked for this."""
        return self.request in target.requests

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        count = load.scaled(self.count, self.count // 10)
        plan = Plan(
            request=target.requests[self.request],
            requests=CLIENTS + count,
            warm_up=CLIENTS,
            in_flight=CLIENTS,
        )
        requested = load.request(target, plan)
        return {"rate": requested.requests / requested.seconds, "p99": requested.response.p99 / 1e3}
