"""What clients that never read do to the server, and to those that do read."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Final

from benchmarks.machine import resident_bytes, watched_memory
from benchmarks.native import Plan
from benchmarks.peers import Running
from benchmarks.scenarios import Load, Metric

SLOW: Final = 300
HEALTHY: Final = 100
INTERVAL_US: Final = 10_000
"""Between two uploads, before and during: a pace that leaves the server time."""


class SlowReaders:
    """Uploads to some healthy subscribers, at first alone, then with many that never read a byte."""

    title = f"Uploads to {HEALTHY} subscribers, beside {SLOW} that never read"
    fresh = True
    once = True

    def __init__(self, megabytes: int) -> None:
        self.megabytes = megabytes
        self.metrics = {
            "before": Metric("request sent to event received, p99, before them", "ms"),
            "during": Metric("request sent to event received, p99, as they are flooded, same pace", "ms"),
            "growth": Metric(
                f"most memory taken for {megabytes:,} MB of events to them, by {SLOW}",
                "bytes",
                "less than 1 MiB, the cap of a queue",
            ),
        }

    def suits(self, target: Running) -> bool:
        """Whether it stores files, and takes channels from the URL as this needs it."""
        return "upload" in target.requests and target.endpoint.protocol == "tidewire"

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Two runs at the same pace; the process is looked at all through the second."""
        before = load.request(target, self._plan(target, load.scaled(500, 50)))
        assert before.receipt
        events = self.megabytes * 1_000_000 // (SLOW * before.event_bytes) + 1
        memory = resident_bytes(target.process)
        with _never_reading(target), watched_memory(target.process) as peak:
            during = load.request(target, self._plan(target, events))
        assert during.receipt
        return {
            "before": before.receipt.p99 / 1e3,
            "during": during.receipt.p99 / 1e3,
            "growth": (max(peak) - memory) / SLOW,
        }

    def _plan(self, target: Running, requests: int) -> Plan:
        return Plan(
            subscribers=HEALTHY,
            request=target.requests["upload"],
            requests=20 + requests,
            warm_up=20,
            in_flight=4,
            interval_us=INTERVAL_US,
        )


@contextlib.contextmanager
def _never_reading(target: Running) -> Iterator[None]:
    head = (
        f"GET {target.endpoint.path}&channels[]=files HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    with contextlib.ExitStack() as stack:
        for _ in range(SLOW):
            slow = stack.enter_context(socket.socket())
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", target.endpoint.port))
            slow.sendall(head)
        time.sleep(2)
        yield
