"""What small rooms feel of a crowd: 15,000 connections, most of which get an event every second."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from benchmarks.native import Plan, Requested
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

CROWD: Final = 10_000
ROOM: Final = 10
IDLE: Final = 15_000 - CROWD - ROOM
BROADCASTS: Final = 20
"""One a second."""
ROOM_INTERVAL_US: Final = 25_000


class Crowd:
    """Updates of a row to a few subscribers, beside broadcasts to very many; all in one process."""

    title = (
        f"A room of {ROOM} beside {IDLE + CROWD:,} connections, {CROWD:,} of which get an event every second"
    )
    fresh = True
    once = True

    def __init__(self) -> None:
        self.metrics = {
            "before": Metric("room: request sent to event received, p99, without broadcasts", "ms"),
            "p50": Metric("room: request sent to event received, p50, with broadcasts", "ms"),
            "p99": Metric("room: request sent to event received, p99, with broadcasts", "ms", "under 20 ms"),
            "broadcast": Metric("broadcast: request sent to the last receipt, p50", "ms"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it has rooms beside the one of all others."""
        return {"row", "channels"} <= target.cases.keys()

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """The room alone among idle connections, then beside the broadcasts."""
        idle = replace(target.cases["channels"].endpoint, subscriptions=1)
        seconds = load.scaled(BROADCASTS, 3)
        broadcasts = Plan(
            subscribers=load.scaled(CROWD, 500),
            connecting=64,
            request=target.requests["event"],
            requests=seconds + 2,
            warm_up=1,
            in_flight=8,
            interval_us=1_000_000,
        )
        held = Plan(subscribers=load.scaled(IDLE, 100), first=2 * CROWD, connecting=64)
        with load.generator.hold(idle, held):
            before = self._room(load, target, load.scaled(200, 20))
            with load.generator.beside(target.endpoint, broadcasts) as finish:
                during = self._room(load, target, seconds * 1_000_000 // ROOM_INTERVAL_US)
                crowd = finish().requested
        assert before.receipt and during.receipt and crowd and crowd.last_receipt
        return {
            "before": before.receipt.p99 / 1e3,
            "p50": during.receipt.p50 / 1e3,
            "p99": during.receipt.p99 / 1e3,
            "broadcast": crowd.last_receipt.p50 / 1e3,
        }

    def _room(self, load: Load, target: Running, requests: int) -> Requested:
        case = target.cases["row"]
        plan = Plan(
            subscribers=ROOM,
            request=case.request,
            requests=10 + requests,
            warm_up=10,
            in_flight=8,
            interval_us=ROOM_INTERVAL_US,
        )
        requested = load.generator.run(case.endpoint, plan).requested
        assert requested
        return requested
