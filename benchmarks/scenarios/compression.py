"""What permessage-deflate saves, and what it costs: the same events with and without it, in turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from benchmarks.native import Plan, Requested
from benchmarks.payload import EVENT_BYTES
from benchmarks.peers import Case, Running
from benchmarks.scenarios import Load, Metric

SUBSCRIBERS: Final = 1_000
EVENTS: Final = 60
IN_FLIGHT: Final = 4
TURNS: Final = 2


class Compression:
    """Bytes of an event and messages a second, plain and compressed.

    The load generator counts compressed messages without inflating them; the first of some subscribers are
    inflated and looked at afterwards.
    """

    fresh = False
    once = False

    def __init__(self, row: bool) -> None:
        self.row = row
        what = "of a row's update" if row else f"of {EVENT_BYTES:,} bytes"
        self.title = f"permessage-deflate: events {what} to {SUBSCRIBERS:,} subscribers"
        self.metrics = {
            "plain_bytes": Metric("an event, plain", "bytes"),
            "compressed_bytes": Metric("an event, compressed", "bytes"),
            "smaller": Metric("fewer bytes", "times", "at least 5"),
            "plain": Metric(f"{IN_FLIGHT} events in flight, plain", "messages/s"),
            "compressed": Metric(f"{IN_FLIGHT} events in flight, compressed", "messages/s"),
            "faster": Metric("messages/s, compressed by plain", "times", "at least 1"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it negotiates compression, and knows rows."""
        return target.compresses and (not self.row or "row" in target.cases)

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Plain and compressed, twice in turns."""
        case = target.cases["row"] if self.row else Case(target.endpoint, target.requests["event"])
        plain, compressed = list[Requested](), list[Requested]()
        for _ in range(TURNS):
            plain.append(self._run(load, case, deflate=False))
            compressed.append(self._run(load, case, deflate=True))
        sizes = [runs[-1].event_bytes for runs in (plain, compressed)]
        rates = [
            sum(run.messages for run in runs) / sum(run.seconds for run in runs)
            for runs in (plain, compressed)
        ]
        return {
            "plain_bytes": sizes[0],
            "compressed_bytes": sizes[1],
            "smaller": sizes[0] / sizes[1],
            "plain": rates[0],
            "compressed": rates[1],
            "faster": rates[1] / rates[0],
        }

    def _run(self, load: Load, case: Case, deflate: bool) -> Requested:
        events = load.scaled(EVENTS, EVENTS // 4)
        plan = Plan(
            subscribers=SUBSCRIBERS,
            request=case.request,
            requests=2 * IN_FLIGHT + events,
            warm_up=2 * IN_FLIGHT,
            in_flight=IN_FLIGHT,
        )
        requested = load.generator.run(case.endpoint, replace(plan, deflate=deflate)).requested
        assert requested
        return requested
