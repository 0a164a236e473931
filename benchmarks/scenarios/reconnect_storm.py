"""What those who are connected feel when thousands come back at once, as after a restart."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from benchmarks.native import Plan
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

STORM: Final = 10_000
AT_ONCE: Final = 1_024
MISSED: Final = 10
IDS: Final = 1
HEALTHY: Final = 100
INTERVAL_US: Final = 20_000


class ReconnectStorm:
    """Updates of a row to some healthy subscribers, while very many others come back to what they missed."""

    title = f"A storm of {STORM:,} that come back, {AT_ONCE:,} at the same time, {MISSED} events behind"
    fresh = True
    once = True

    def __init__(self) -> None:
        self.metrics = {
            "before": Metric(f"{HEALTHY} connected before: request sent to event received, p99", "ms"),
            "during": Metric("the same during the storm", "ms", "under 250 ms"),
            "rate": Metric("back, with all that they missed", "connections/s", "10,000 in 10 s"),
            "p99": Metric("connect to the last that was missed, p99", "ms"),
        }

    def suits(self, target: Running) -> bool:
        """Whether there is something apart from what the storm subscribes to."""
        return {"row", "channels"} <= target.cases.keys()

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Those of the storm are there and leave; then the healthy ones alone; then beside the storm."""
        case = target.cases["row"]
        healthy = Plan(
            subscribers=HEALTHY,
            request=case.request,
            requests=10 + load.scaled(200, 20),
            warm_up=10,
            in_flight=8,
            interval_us=INTERVAL_US,
        )
        storm = Plan(subscribers=load.scaled(STORM, 500), first=HEALTHY, connecting=AT_ONCE, ids=IDS)
        missed = Plan(subscribers=1, request=target.requests["event"], requests=MISSED)
        load.generator.run(target.endpoint, storm)
        load.generator.run(target.endpoint, missed)
        before = load.generator.run(case.endpoint, healthy).requested
        with (
            load.generator.beside(case.endpoint, healthy) as finish,
            load.generator.hold(target.endpoint, replace(storm, missed=MISSED)) as connected,
        ):
            during = finish().requested
        assert before and before.receipt and during and during.receipt and connected.connected
        return {
            "before": before.receipt.p99 / 1e3,
            "during": during.receipt.p99 / 1e3,
            "rate": connected.connected.subscribers / connected.connected.seconds,
            "p99": connected.connected.subscribe_time.p99 / 1e3,
        }
