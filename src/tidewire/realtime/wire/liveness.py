"""Finding the clients that are gone without a word: one task for all connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from tidewire.realtime.wire.websocket import WebSocket

ROUNDS: Final = 4
"""Looks at each connection in the time after which it counts as dead."""
SLICE: Final = 500
"""Connections looked at before others get their turn."""


async def watch(connections: Callable[[], Iterable[object]], idle_seconds: float) -> None:
    """Ping clients that have been silent, and close those from which nothing came for ``idle_seconds``.

    Whatever arrives counts, not pongs alone: one SDK never sends them.
    """
    while True:
        await asyncio.sleep(idle_seconds / ROUNDS)
        sockets = [each for each in connections() if isinstance(each, WebSocket)]
        for number, socket in enumerate(sockets, 1):
            socket.look(ROUNDS)
            if number % SLICE == 0:
                await asyncio.sleep(0)
