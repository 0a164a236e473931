"""How long it takes to find the one subscription, of very many, that wants an event."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.machine import resident_bytes
from benchmarks.native import Plan
from benchmarks.peers import MATCHING, Running, ServerFailedError
from benchmarks.scenarios import Load, Metric
from benchmarks.scenarios.connections import SETTLE_SECONDS

EVENTS: Final = 100
WARM_UP: Final = 10


class MatchOne:
    """Real connections with 10 subscriptions each. The time is what the server's own metric says.

    Other servers have no such metric, and no queries: only the whole way of an event could be compared.
    """

    fresh = True
    once = True

    def __init__(self, case: str, connections: int) -> None:
        self.case = case
        self.connections = connections
        self.title = (
            f"Matching: {connections:,} connections with 10 subscriptions each, {MATCHING[case]}; one matches"
        )
        self.metrics = {
            "matching": Metric("to find the receiver of an event", "µs"),
            "receipt": Metric("request sent to event received, p50", "ms"),
            "bytes": Metric("resident memory of a connection and its subscriptions", "bytes"),
            "rate": Metric("connected and subscribed", "connections/s"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it has queries, and measures itself."""
        return self.case in target.cases and target.matching is not None

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """All but the one that matches are connected, then that one too."""
        case = target.cases[self.case]
        before = resident_bytes(target.process)
        with load.generator.hold(case.endpoint, Plan(subscribers=self.connections - 1, first=1)) as held:
            time.sleep(SETTLE_SECONDS)
            grown = resident_bytes(target.process) - before
            microseconds, receipt = match_one(load, target, self.case)
        assert held.connected
        return {
            "matching": microseconds,
            "receipt": receipt,
            "bytes": grown / self.connections,
            "rate": self.connections / held.connected.seconds,
        }


def match_one(load: Load, target: Running, case: str) -> tuple[float, float]:
    """Microseconds to find the one receiver of an event, and milliseconds of its whole way (median).

    Raises :class:`ServerFailedError` if there are others who receive it.
    """
    assert target.matching
    plan = Plan(subscribers=1, request=target.cases[case].request, requests=WARM_UP + EVENTS, warm_up=WARM_UP)
    before = target.matching()
    requested = load.generator.run(target.cases[case].endpoint, plan).requested
    after = target.matching()
    assert requested and requested.receipt
    events = after.events - before.events
    if after.frames - before.frames != events:
        raise ServerFailedError(f"{after.frames - before.frames} receivers of {events} events for one each")
    return (after.seconds - before.seconds) / events * 1e6, requested.receipt.p50 / 1e3
