"""What is measured: one module per subject. A scenario measures one running server once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from benchmarks.native import LoadGenerator, Plan, Requested
from benchmarks.peers import MATCHING, Running
from benchmarks.rows import ROWS

Unit = Literal["messages/s", "connections/s", "requests/s", "ms", "µs", "bytes", "%", "times"]


@dataclass(frozen=True)
class Metric:
    """One number that a scenario yields, and how to read it."""

    title: str
    unit: Unit
    goal: str = ""
    """What the number must reach, in words; empty if nothing was asked of it."""

    @property
    def comparable(self) -> bool:
        """Whether a ratio between peers means something."""
        return self.unit not in ("%", "times")


@dataclass(frozen=True)
class Load:
    """How hard to press: the load generator, and whether this is only a smoke run."""

    generator: LoadGenerator
    quick: bool = False
    rows: int = ROWS
    """Of large tables; in a smoke run they are small."""

    def scaled(self, count: int, quick: int) -> int:
        """The first number, or the second in a smoke run."""
        return quick if self.quick else count

    def request(self, target: Running, plan: Plan) -> Requested:
        """Carry a plan with requests out against a server."""
        requested = self.generator.run(target.endpoint, plan).requested
        assert requested is not None
        return requested


class Scenario(Protocol):
    """One measurement."""

    @property
    def title(self) -> str:
        """What is measured, as the report's heading."""

    @property
    def metrics(self) -> dict[str, Metric]:
        """The numbers it yields, by the names that :meth:`measure` uses."""

    @property
    def fresh(self) -> bool:
        """Whether the server must be newly started for it."""

    @property
    def once(self) -> bool:
        """Whether one round is enough: what it measures hardly varies, or takes long."""

    def suits(self, target: Running) -> bool:
        """Whether the server can do what is measured."""

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Measure once; a value for each metric."""


MANY: Final = 10_000
"""Connections of what is measured with many; a smoke run has fewer."""


def all_scenarios(quick: bool = False) -> list[Scenario]:
    """Every scenario, in the order of the report; in a smoke run those that would take long are left out."""
    from benchmarks.attackers import ATTACKS
    from benchmarks.scenarios.acknowledgements import Acknowledgements
    from benchmarks.scenarios.attacks import Attack
    from benchmarks.scenarios.compression import Compression
    from benchmarks.scenarios.connections import ConnectRate, Memory
    from benchmarks.scenarios.crowd import Crowd
    from benchmarks.scenarios.fan_out import FanOut
    from benchmarks.scenarios.functions import ColdStart, IdleFunctions, RowToRun, WarmExecution
    from benchmarks.scenarios.graphql import GraphQLFanOut
    from benchmarks.scenarios.latency import LatencyUnderLoad, UploadLatency
    from benchmarks.scenarios.matching import MatchOne
    from benchmarks.scenarios.publish import Publish
    from benchmarks.scenarios.reconnect_storm import ReconnectStorm
    from benchmarks.scenarios.rest import RequestRate
    from benchmarks.scenarios.rows import all_rows
    from benchmarks.scenarios.slow_readers import SlowReaders

    connections = MANY // 10 if quick else MANY
    return [
        FanOut(1_000),
        *([] if quick else [FanOut(MANY)]),
        GraphQLFanOut(),
        Acknowledgements(),
        *(Compression(row) for row in (False, True)),
        LatencyUnderLoad(),
        UploadLatency(),
        Publish(),
        ConnectRate(),
        *(Memory(subscriptions, connections) for subscriptions in (1, 10)),
        *(MatchOne(case, connections) for case in MATCHING),
        *([] if quick else [Crowd()]),
        *([] if quick else [ReconnectStorm()]),
        SlowReaders(megabytes=50 if quick else 1_000),
        *all_rows(),
        *(Attack(kind) for kind in ATTACKS),
        RequestRate("upload", "Create a file of 1 KB", count=2_000),
        RequestRate("session", "Create a session with email and password", count=200),
        RequestRate("account", "Get the account", count=5_000),
        WarmExecution(),
        *(ColdStart(language) for language in ("node", "python")),
        RowToRun(),
        IdleFunctions(10 if quick else 200),
    ]
