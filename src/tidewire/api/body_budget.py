"""The budget of request bodies: bytes that may be held at once in all, for an address and for a project."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Final

from tidewire.core.addresses import network_of
from tidewire.core.errors import TidewireError
from tidewire.settings import Settings

MAX_WAITING: Final = 128
"""The most requests that wait for room; each may have as much again in the buffers of its connection."""
RETRY_SECONDS: Final = 5
"""Seconds after which a client that was refused may try again."""


@dataclass(eq=False, slots=True)
class _Waiting:
    lease: BodyLease
    size: int
    admitted: asyncio.Future[None]


class BodyBudget:
    """The bytes that one process holds of bodies that take more than one read of the socket.

    Who finds no room waits, and its body is not read meanwhile: TCP makes the client wait. After
    ``body_wait_seconds`` it is refused. An address, or a project, that holds nothing may go beyond its share
    with one body; the bound for all of them holds always.
    """

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.body_buffer_bytes
        self._shares = (settings.body_buffer_bytes_per_address, settings.body_buffer_bytes_per_project)
        self._wait_seconds = settings.body_wait_seconds
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []
        self.size = 0
        """Bytes that are held."""

    def lease(self, address: str, project_id: str) -> BodyLease:
        """The room of one request, empty at first."""
        return BodyLease(self, (f"address {network_of(address)}", f"project {project_id}"))

    async def take(self, lease: BodyLease, size: int) -> None:
        """Enlarge a lease, maybe after a while. Raises ``general_server_busy``."""
        if self._has_room(lease, size):
            self._add(lease, size)
            return
        if size > self._limit or len(self._waiting) >= MAX_WAITING:
            raise _busy()
        waiting = _Waiting(lease, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await waiting.admitted
        except TimeoutError:
            raise _busy() from None
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def release(self, lease: BodyLease) -> None:
        """Give back all that was taken, and let in who waits and now fits, the first first."""
        if not lease.size:
            return
        self._add(lease, -lease.size)
        for waiting in list(self._waiting):
            if not waiting.admitted.done() and self._has_room(waiting.lease, waiting.size):
                self._waiting.remove(waiting)
                self._add(waiting.lease, waiting.size)
                waiting.admitted.set_result(None)

    def _has_room(self, lease: BodyLease, size: int) -> bool:
        if self.size + size > self._limit:
            return False
        return all(
            self._held[holder] + size <= share or self._held[holder] == lease.size
            for holder, share in zip(lease.holders, self._shares, strict=True)
        )

    def _add(self, lease: BodyLease, size: int) -> None:
        lease.size += size
        self.size += size
        for holder in lease.holders:
            self._held[holder] += size
            if not self._held[holder]:
                del self._held[holder]


@dataclass(eq=False, slots=True)
class BodyLease:
    """The bytes that one request holds."""

    budget: BodyBudget
    holders: tuple[str, str]
    """The address and the project that it counts for."""
    size: int = 0

    async def take(self, size: int) -> None:
        """Hold ``size`` more bytes. Raises ``general_server_busy``."""
        await self.budget.take(self, size)

    def release(self) -> None:
        """Give back all that is held."""
        self.budget.release(self)


def _busy() -> TidewireError:
    return TidewireError(
        "general_server_busy",
        f"The server holds as many bytes of requests as it may: try again in {RETRY_SECONDS} s.",
    )
