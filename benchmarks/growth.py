"""How costs grow as the number of connections doubles: fan-out, latency, memory, matching."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

import msgspec

from benchmarks.machine import resident_bytes
from benchmarks.native import Plan
from benchmarks.peers import MATCHING, SUBJECT, Peer, Running
from benchmarks.run import Progress, started
from benchmarks.scenarios import Load
from benchmarks.scenarios.connections import FEW, SETTLE_SECONDS
from benchmarks.scenarios.matching import match_one

TITLE: Final = "Growth as the number of connections doubles"
SIZES: Final = (125, 250, 500, 1_000, 2_000, 4_000, 8_000)
QUICK_SIZES: Final = (125, 250, 500)
MESSAGES: Final = 60_000
"""About as many messages as each measurement of the fan-out takes."""


class Quantity(msgspec.Struct, frozen=True):
    """One thing that grows."""

    title: str
    unit: str
    series: dict[str, dict[int, float]]
    """By peer, or by kind of query, then by number of connections."""


class Growth(msgspec.Struct, frozen=True):
    """Everything measured, by name."""

    quantities: dict[str, Quantity]


def measure_growth(
    peers: list[Peer], load: Load, core: int, progress: Progress, sizes: tuple[int, ...] = SIZES
) -> Growth:
    """Measure everything once. Peers take turns for each number of connections."""
    with started(peers, core, load, progress) as running:
        fan_out = {size: _fan_out(running, load, size, progress) for size in sizes}
        matching = {case: _matching(running[SUBJECT], load, case, sizes, progress) for case in MATCHING}
    with started(peers, core, load, progress) as running:
        memory = _memory(running, load, sizes, progress)
    names = [peer.name for peer in peers]
    return Growth(
        {
            "rate": Quantity(
                "Fan-out of one event",
                "messages/s",
                {name: {size: fan_out[size][name][0] for size in sizes} for name in names},
            ),
            "latency": Quantity(
                "Request sent to event received, median",
                "ms",
                {name: {size: fan_out[size][name][1] for size in sizes} for name in names},
            ),
            "memory": Quantity("Resident memory of all connections", "MB", memory),
            "matching": Quantity(
                "Finding the one receiver of an event", "µs, 10 subscriptions a connection", matching
            ),
        }
    )


def _fan_out(
    running: dict[str, Running], load: Load, size: int, progress: Progress
) -> dict[str, tuple[float, float]]:
    """By peer: messages a second of one event alone, and milliseconds from request to receipt."""
    found = {}
    for name, target in running.items():
        progress(f"{TITLE} · fan-out to {size:,} · {name}")
        events = min(200, max(5, load.scaled(MESSAGES, MESSAGES // 10) // size))
        plan = Plan(subscribers=size, request=target.requests["event"], requests=4 + events, warm_up=4)
        requested = load.request(target, plan)
        assert requested.receipt and requested.first_to_last
        rate = (size - 1) / requested.first_to_last.p50 * 1e6
        found[name] = (rate, requested.receipt.p50 / 1e3)
    return found


def _memory(
    running: dict[str, Running], load: Load, sizes: tuple[int, ...], progress: Progress
) -> dict[str, dict[int, float]]:
    """By peer, growth of its resident memory in MB. Connections stay, and more and more are added."""
    grown: dict[str, dict[int, float]] = {name: {} for name in running}
    with ExitStack() as stack:
        for target in running.values():
            stack.enter_context(load.generator.hold(target.endpoint, Plan(subscribers=FEW)))
        time.sleep(SETTLE_SECONDS)
        before = {name: resident_bytes(target.process) for name, target in running.items()}
        connected = 0
        for size in sizes:
            for name, target in running.items():
                progress(f"{TITLE} · memory of {size:,} · {name}")
                more = Plan(subscribers=size - connected, first=connected)
                stack.enter_context(load.generator.hold(target.endpoint, more))
                time.sleep(SETTLE_SECONDS)
                grown[name][size] = (resident_bytes(target.process) - before[name]) / 1e6
            connected = size
    return grown


def _matching(
    target: Running, load: Load, case: str, sizes: tuple[int, ...], progress: Progress
) -> dict[int, float]:
    """Microseconds to find the receiver of an event. All but that one stay, and more are added."""
    microseconds = {}
    with ExitStack() as stack:
        connected = 1
        for size in sizes:
            progress(f"{TITLE} · matching among {size:,}, {MATCHING[case]}")
            more = Plan(subscribers=size - connected, first=connected)
            stack.enter_context(load.generator.hold(target.cases[case].endpoint, more))
            microseconds[size], _ = match_one(load, target, case)
            connected = size
    return microseconds
