"""Limits of connections: how many a minute, and how many at once."""

from __future__ import annotations

import sys
import time

from tidewire.realtime.protocol.errors import TOO_MUCH, MessageError

_minutes: list[int] = [0]


def current_minute() -> int:
    """The minute of the wall clock: the same object within a minute, since each connection keeps its last."""
    minute = int(time.time()) // 60
    if minute != _minutes[0]:
        _minutes[0] = minute
    return _minutes[0]


class ConnectLimit:
    """How often each IP address may connect in one minute of the clock.

    It holds one number for each address seen in this minute, and forgets all of them with it.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._minute = 0
        self._connects: dict[str, int] = {}

    def admits(self, ip: str) -> bool:
        """Count one connect from ``ip``; say whether it is within the limit."""
        minute = current_minute()
        if minute != self._minute:
            self._minute = minute
            self._connects.clear()
        count = self._connects.get(ip, 0) + 1
        self._connects[ip] = count
        return count <= self.per_minute


class OpenConnections:
    """Counts the connections that are open at once, in all and by IP address."""

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._by_address: dict[str, int] = {}
        self.count = 0

    def enter(self, address: str) -> str:
        """Count a connection, and return what to give to :meth:`leave` when it ends.

        Raises :class:`MessageError` if there are too many already.
        """
        if self.count >= self._total:
            raise MessageError(
                TOO_MUCH,
                "The server has as many connections as it may have; try again later.",
                limit="connections",
            )
        # Interned: all connections from the address keep the same string.
        address = sys.intern(address)
        from_there = self._by_address.get(address, 0)
        if from_there >= self._per_address:
            raise MessageError(
                TOO_MUCH,
                f"At most {self._per_address} connections may be open from one address.",
                limit="connections of an address",
            )
        self._by_address[address] = from_there + 1
        self.count += 1
        return address

    def leave(self, address: str) -> None:
        """A connection that was counted has ended."""
        self.count -= 1
        remaining = self._by_address[address] - 1
        if remaining:
            self._by_address[address] = remaining
        else:
            del self._by_address[address]
