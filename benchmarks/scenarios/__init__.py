"""What is measured: one module per subject. A scenario measures one running server once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from benchmarks.native import LoadGenerator, Outcome, Plan, Requested
from benchmarks.peers import Running


@dataclass(frozen=True)
class Metric:
    """One number that a scenario yields, and how to read it."""

    title: str
    unit: Literal["messages/s", "ms", "%", "connections/s", "bytes", "requests/s"]
    better: Literal["higher", "lower"]
    goal: str = ""
    """What the number must reach, in words; empty if nothing was asked of it."""

    @property
    def comparable(self) -> bool:
        """Whether a ratio between peers means something: of rates it does."""
        return self.unit.endswith("/s")


@dataclass(frozen=True)
class Load:
    """How hard to press: the load generator, and whether this is only a smoke run."""

    generator: LoadGenerator
    quick: bool = False

    def scaled(self, count: int, quick: int) -> int:
        """The first number, or the second in a smoke run."""
        return quick if self.quick else count

    def run(self, target: Running, plan: Plan) -> Outcome:
        """Carry a plan out against a server."""
        return self.generator.run(target.port, target.realtime_path, target.channel, plan)

    def request(self, target: Running, plan: Plan) -> Requested:
        """As :meth:`run`, for a plan with requests."""
        requested = self.run(target, plan).requested
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
    def request(self) -> str | None:
        """The kind of request it needs; peers without it are left out. None: it sends no requests."""

    @property
    def fresh(self) -> bool:
        """Whether the server must be newly started for it."""

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Measure once; a value for each metric."""


SUBSCRIBERS: Final = (1_000, 10_000)


def all_scenarios() -> list[Scenario]:
    """Every scenario, in the order of the report."""
    from benchmarks.scenarios.connections import ConnectRate, Memory
    from benchmarks.scenarios.fan_out import FanOut
    from benchmarks.scenarios.latency import UploadLatency
    from benchmarks.scenarios.rest import RequestRate
    from benchmarks.scenarios.slow_readers import SlowReaders

    return [
        *(FanOut(subscribers) for subscribers in SUBSCRIBERS),
        UploadLatency(),
        ConnectRate(),
        Memory(),
        SlowReaders(),
        RequestRate("upload", "Create a file of 1 KB", count=2_000),
        RequestRate("session", "Create a session with email and password", count=200),
        RequestRate("account", "Get the account", count=5_000),
    ]
