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


class ConnectRate:
    """WebSocket upgrade, `connected`, `subscribe` and its answer, 32 connections at the same time."""

    title = "Connect and subscribe, 32 at the same time"
    request = None
    fresh = False

    def __init__(self) -> None:
        self.metrics = {
            "rate": Metric("connected and subscribed", "connections/s", "higher"),
            "p99": Metric("connect to the answer of `subscribe`, p99", "ms", "lower"),
        }

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        connected = load.run(target, Plan(subscribers=load.scaled(5_000, 500))).connected
        assert connected
        return {
            "rate": connected.subscribers / connected.seconds,
            "p99": connected.subscribe_time.p99 / 1e3,
        }


class Memory:
    """Growth of the server's resident memory. What the kernel keeps for a socket is not in it."""

    title = "Memory of an idle connection with one subscription, 10,000 of them"
    request = None
    fresh = True

    def __init__(self) -> None:
        self.metrics = {"bytes": Metric("resident memory of a connection", "bytes", "lower", "at most 6 KB")}

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Connect a few, so that what is made once exists; then the others."""
        few, many = 50, load.scaled(10_000, 2_000)
        place = (target.port, target.realtime_path, target.channel)
        with load.generator.hold(*place, Plan(subscribers=few)):
            time.sleep(SETTLE_SECONDS)
            before = resident_bytes(target.process)
            with load.generator.hold(*place, Plan(subscribers=many)):
                time.sleep(SETTLE_SECONDS)
                return {"bytes": (resident_bytes(target.process) - before) / many}
