"""Budgets: how much a connection may send, and an address, and what happens once a budget is used up.

Budgets fill up again at an even rate. A unit is about what a small frame costs the server, some twenty
microseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

BUDGET_SECONDS: Final = 10.0
"""A budget holds what the rate gives in this time."""
STRIKES: Final = 3
"""How often in a row a connection may use up its budget; the last time closes it."""
BYTES_A_UNIT: Final = 4096
"""Bytes of any frame that cost a unit, besides one unit for the frame."""
TEXT_A_UNIT: Final = 128
"""Characters of a ``subscribe``, which costs far more than other messages."""
CONTAINERS_A_UNIT: Final = 100
"""Arrays and objects of a message: making them costs more than reading their text."""
FEW_ADDRESSES: Final = 1000
"""Addresses up to which none is looked at to forget it."""
LARGE_AT_ONCE: Final = 64
"""Incomplete messages above ``realtime_max_message_bytes``, in one process."""


class ReadingPause:
    """The pauses of a connection that used up its budget: it is not read until half of it is there again."""

    __slots__ = ("_ended", "_strikes", "_timer")

    def __init__(self) -> None:
        self._strikes = 0
        self._ended = 0.0
        """The time at which the last pause ended, by the monotonic clock."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def lasts(self) -> bool:
        """Whether the connection is not read now."""
        return self._timer is not None

    def strike(self) -> bool:
        """Count that the budget is used up; False if that happened too often in a row."""
        in_a_row = self._strikes and time.monotonic() - self._ended < BUDGET_SECONDS
        self._strikes = self._strikes + 1 if in_a_row else 1
        return self._strikes < STRIKES

    def begin(self, seconds: float, resume: Callable[[], None]) -> None:
        """Pause, and call ``resume`` when the connection may be read again."""

        def end() -> None:
            self._timer = None
            self._ended = time.monotonic()
            resume()

        self._timer = asyncio.get_running_loop().call_later(seconds, end)

    def cancel(self) -> None:
        """The connection ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class AddressBudgets:
    """What all connections from one address may send together, those that have ended included."""

    def __init__(self, rate: float) -> None:
        """``rate``: units a second."""
        self._rate = rate
        self._paid_until: dict[str, float] = {}
        """For each address, the time at which what came from it would be paid for at that rate, by the
        monotonic clock."""
        self._many = FEW_ADDRESSES

    def spend(self, address: str, units: float, now: float) -> float:
        """Count what came from an address, and return by how many seconds it is ahead of its rate then.

        It is never more than two budgets ahead: its connections are not read meanwhile.
        """
        paid_until = max(self._paid_until.get(address, 0.0), now) + units / self._rate
        self._paid_until[address] = paid_until = min(paid_until, now + 2 * BUDGET_SECONDS)
        if len(self._paid_until) > self._many:
            self._forget_paid(now)
        return paid_until - now

    def _forget_paid(self, now: float) -> None:
        self._paid_until = {address: until for address, until in self._paid_until.items() if until > now}
        self._many = max(FEW_ADDRESSES, 2 * len(self._paid_until))


class LargeMessages:
    """Connections with an incomplete message that is large: their number is bounded, or memory would fill.

    Beyond it the connection whose message has been incomplete for the longest is closed.
    """

    def __init__(self, most: int = LARGE_AT_ONCE) -> None:
        self._most = most
        self._begun: dict[object, Callable[[], None]] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._begun)

    def begin(self, connection: object, give_way: Callable[[], None]) -> None:
        """A message has become large; ``give_way`` closes its connection."""
        if connection in self._begun:
            return
        self._begun[connection] = give_way
        if len(self._begun) > self._most:
            oldest = next(iter(self._begun))
            self._begun.pop(oldest)()

    def end(self, connection: object) -> None:
        """The message is complete, or its connection has ended."""
        self._begun.pop(connection, None)
