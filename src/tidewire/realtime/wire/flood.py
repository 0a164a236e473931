"""How much a connection may send, and an address: budgets that fill up again, and what if they are used up.

A unit is about what a small frame costs the server, some twenty microseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tidewire.realtime.protocol.messages import DEFAULT_TERMS, Terms
from tidewire.realtime.runtime.loop_scheduler import PIECE_SECONDS, Turns

BUDGET_SECONDS: Final = 10.0
"""What may be spent at once is what the rate gives in this time."""
STRIKES: Final = 3
"""Times in a row that a connection may use up its budget; with the last it is closed."""
BYTES_A_UNIT: Final = 4096
"""Of any frame, besides one unit for the frame."""
TEXT_A_UNIT: Final = 128
"""Characters of a ``subscribe``: it costs far more than other messages."""
CONTAINERS_A_UNIT: Final = 100
"""Arrays and objects of a message: to make them costs more than their text does."""
FEW_ADDRESSES: Final = 1000
"""Of so many it is not looked whether they owe anything still."""
LARGE_AT_ONCE: Final = 64
"""Incomplete messages above ``realtime_max_message_bytes``, in one process."""


class Flood:
    """A connection that has used up its budget, and is not read until half of it is there again."""

    __slots__ = ("_ended", "_strikes", "_timer")

    def __init__(self) -> None:
        self._strikes = 0
        self._ended = 0.0
        """When it was read again."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def rests(self) -> bool:
        """Whether the connection is not read."""
        return self._timer is not None

    def strike(self) -> bool:
        """The budget is used up; False if that has been so too often in a row."""
        in_a_row = self._strikes and time.monotonic() - self._ended < BUDGET_SECONDS
        self._strikes = self._strikes + 1 if in_a_row else 1
        return self._strikes < STRIKES

    def rest(self, seconds: float, resume: Callable[[], None]) -> None:
        """Have ``resume`` called when the connection may be read again."""

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
    """What all connections from one address may send together, those that ended before included."""

    def __init__(self, rate: float) -> None:
        """``rate``: units a second."""
        self._rate = rate
        self._paid_until: dict[str, float] = {}
        """When what came from an address would be paid for at that rate; monotonic time."""
        self._many = FEW_ADDRESSES

    def spend(self, address: str, units: float, now: float) -> float:
        """Count what came from an address; by how many seconds it is ahead of its rate then.

        Those who are twice as far ahead as they may be get no further: they are not read meanwhile.
        """
        paid_until = max(self._paid_until.get(address, 0.0), now) + units / self._rate
        self._paid_until[address] = paid_until = min(paid_until, now + 2 * BUDGET_SECONDS)
        if len(self._paid_until) > self._many:
            self._forget_paid(now)
        return paid_until - now

    def _forget_paid(self, now: float) -> None:
        self._paid_until = {address: until for address, until in self._paid_until.items() if until > now}
        self._many = max(FEW_ADDRESSES, 2 * len(self._paid_until))


class Unfinished:
    """Connections with an incomplete message that is larger than most: so many at once, or memory would fill.

    Whose message has been incomplete for the longest gives way: who just sends one is done in a moment.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._begun: dict[object, Callable[[], None]] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._begun)

    def begin(self, connection: object, give_way: Callable[[], None]) -> None:
        """A message has become large."""
        if connection in self._begun:
            return
        self._begun[connection] = give_way
        if len(self._begun) > self._most:
            oldest = next(iter(self._begun))
            self._begun.pop(oldest)()

    def end(self, connection: object) -> None:
        """It is complete, or its connection has ended."""
        self._begun.pop(connection, None)


@dataclass(frozen=True)
class Flow:
    """What all connections of a process share while they are read."""

    addresses: AddressBudgets
    terms: Terms = DEFAULT_TERMS
    """What messages may hold."""
    upgrades: Turns = field(default_factory=Turns)
    """In which handshakes are read and answered."""
    reading: Turns = field(default_factory=lambda: Turns(seconds=PIECE_SECONDS, rest=PIECE_SECONDS))
    """In which what came in one go is read on, and long messages are understood: half of the time at most."""
    unfinished: Unfinished = field(default_factory=lambda: Unfinished(LARGE_AT_ONCE))
