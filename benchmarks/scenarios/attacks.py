"""What guests who ask for as much as they can do to another guest, and to the server's memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

from benchmarks.attackers import ATTACKS
from benchmarks.machine import watched_memory
from benchmarks.native import Plan, pinned
from benchmarks.peers import Running
from benchmarks.rows import ROWS, SMALL
from benchmarks.scenarios import Load, Metric

SUBSCRIBERS: Final = 20
INTERVAL_US: Final = 25_000
"""Between two requests of the guest whose times are measured."""
WAITING: Final = 64
BEGIN_SECONDS: Final = 3
"""Until an attack is at its height."""


class Attack:
    """Rows are created and listed at a steady pace, while guests from another address attack."""

    fresh = False
    once = False

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.title = f"Beside {ATTACKS[kind][0]} guests of another address: {kind}"
        self.metrics = {
            "list": Metric("another guest's list of 25 rows, p99", "ms", "under 50 ms"),
            "receipt": Metric("row created to its event received, p99", "ms", "under 50 ms"),
            "growth": Metric("most memory taken meanwhile", "bytes", "less than 256 MB"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it has rows, and channels as the attackers ask for them."""
        return target.rows is not None and target.secures_rows

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """Two runs at a steady pace."""
        assert target.rows is not None
        cases = target.rows(load.scaled(ROWS, SMALL))
        count = load.scaled(300, 20)
        steady = Plan(requests=20 + count, warm_up=20, in_flight=WAITING, interval_us=INTERVAL_US)
        with watched_memory(target.process) as memory, self._attacking(load, target):
            create, page = cases["create"], cases["list"]
            run = load.generator.run
            plan = replace(steady, subscribers=SUBSCRIBERS, request=create.request)
            created = run(create.endpoint, plan).requested
            listed = run(page.endpoint, replace(steady, request=page.request)).requested
        time.sleep(load.scaled(BEGIN_SECONDS, 1))  # what was begun ends, and meets no other measurement
        assert created is not None and created.receipt is not None and listed is not None
        return {
            "list": listed.response.p99 / 1e3,
            "receipt": created.receipt.p99 / 1e3,
            "growth": max(memory) - memory[0],
        }

    @contextmanager
    def _attacking(self, load: Load, target: Running) -> Iterator[None]:
        project = parse_qs(urlsplit(target.endpoint.path).query)["project"][0]
        program = [sys.executable, "-m", "benchmarks.attackers", self.kind]
        command = [*pinned(load.generator.core), *program, str(target.endpoint.port), project]
        with subprocess.Popen(command) as attackers:
            try:
                time.sleep(load.scaled(BEGIN_SECONDS, 1))
                yield
                assert attackers.poll() is None, "the attackers ended by themselves"
            finally:
                attackers.kill()
