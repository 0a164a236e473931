"""What connections cost: to open, and to keep."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.machine import resident_bytes
from benchmarks.native import Plan
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

SETTLE_SECONDS: Final = 1.0
"""Pause before memory is read, so that what the connecting left behind is freed."""

FEW: Final = 50
"""Connections before memory is read for the first time, so that what is made once exists."""


class ConnectRate:
    """Connect, and be subscribed, 32 connections at the same time."""

    title = "Connect and subscribe, 32 at the same time"
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "rate": Metric("connected and subscribed", "connections/s"),
            "p99": Metric("connect to subscribed, p99", "ms"),
        }

    def suits(self, target: Running) -> bool:
        """Every server can."""
        return True

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        plan = Plan(subscribers=load.scaled(3_000, 300))
        connected = load.generator.run(target.endpoint, plan).connected
        assert connected
        return {
            "rate": connected.subscribers / connected.seconds,
            "p99": connected.subscribe_time.p99 / 1e3,
        }


class Memory:
    """Growth of the server's resident memory. What the kernel keeps for a socket is not in it."""

    fresh = True
    once = True

    def __init__(self, subscriptions: int, connections: int) -> None:
        self.subscriptions = subscriptions
        self.connections = connections
        count = "one subscription" if subscriptions == 1 else f"{subscriptions} subscriptions"
        self.title = f"Memory of an idle connection with {count}, {connections:,} of them"
        goal = "at most 4 KB" if subscriptions == 1 else "at most 8 KB"
        self.metrics = {"bytes": Metric("resident memory of a connection", "bytes", goal)}

    def suits(self, target: Running) -> bool:
        """Whether a connection can have so many subscriptions."""
        return self.subscriptions == 1 or target.ten is not None

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Connect a few, then the others."""
        endpoint = target.endpoint if self.subscriptions == 1 else target.ten
        assert endpoint
        with load.generator.hold(endpoint, Plan(subscribers=FEW)):
            time.sleep(SETTLE_SECONDS)
            before = resident_bytes(target.process)
            with load.generator.hold(endpoint, Plan(subscribers=self.connections)):
                time.sleep(SETTLE_SECONDS)
                return {"bytes": (resident_bytes(target.process) - before) / self.connections}
