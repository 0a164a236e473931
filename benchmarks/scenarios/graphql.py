"""One event to many subscriptions by GraphQL, beside as many by the native protocol, in turns."""

from __future__ import annotations

from typing import Final

from benchmarks.native import Endpoint, Plan, Requested
from benchmarks.payload import EVENT_BYTES
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

SUBSCRIBERS: Final = 1_000
EVENTS: Final = 100
IN_FLIGHT: Final = 16
TURNS: Final = 2


class GraphQLFanOut:
    """Messages a second by both protocols, with events always waiting."""

    fresh = False
    once = False

    def __init__(self) -> None:
        self.title = f"GraphQL subscriptions: events of {EVENT_BYTES:,} bytes to {SUBSCRIBERS:,} subscribers"
        what = f"{IN_FLIGHT} events in flight"
        self.metrics = {
            "native": Metric(f"{what}, by the native protocol", "messages/s"),
            "graphql": Metric(f"{what}, by GraphQL", "messages/s"),
            "ratio": Metric("messages/s, by GraphQL to native", "times", "at least 0.7"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it serves GraphQL."""
        return target.graphql is not None

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Both, in turns."""
        assert target.graphql is not None
        native, graphql = list[Requested](), list[Requested]()
        for _ in range(TURNS):
            native.append(self._run(load, target, target.endpoint))
            graphql.append(self._run(load, target, target.graphql))
        rates = [
            sum(run.messages for run in runs) / sum(run.seconds for run in runs) for runs in (native, graphql)
        ]
        return {"native": rates[0], "graphql": rates[1], "ratio": rates[1] / rates[0]}

    def _run(self, load: Load, target: Running, endpoint: Endpoint) -> Requested:
        events = load.scaled(EVENTS, EVENTS // 5)
        plan = Plan(
            subscribers=SUBSCRIBERS,
            request=target.requests["event"],
            requests=IN_FLIGHT + events,
            warm_up=IN_FLIGHT,
            in_flight=IN_FLIGHT,
        )
        requested = load.generator.run(endpoint, plan).requested
        assert requested is not None
        return requested
