"""Liveness: finding clients that vanished without closing, by one task for all connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from tidewire.realtime.wire.socket import SocketWire

ROUNDS: Final = 4
"""How often each connection is looked at in the time after which it counts as dead."""
SLICE: Final = 500
"""Connections that are looked at before the event loop gets to serve others."""


async def watch(connections: Callable[[], Iterable[object]], idle_seconds: float) -> None:
    """Ping clients that have been silent, and close those from which nothing came for ``idle_seconds``.

    Everything that arrives counts, not pongs alone: one SDK never sends them.
    """
    while True:
        await asyncio.sleep(idle_seconds / ROUNDS)
        wires = [each for each in connections() if isinstance(each, SocketWire)]
        for number, wire in enumerate(wires, 1):
            wire.look(ROUNDS)
            if number % SLICE == 0:
                await asyncio.sleep(0)
