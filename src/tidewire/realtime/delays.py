"""Frames of one connection that came faster than it may subscribe: they are done a little later.

SDKs send a ``subscribe`` once, and look at no answer: what is refused is lost to them for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tidewire.realtime.messages import Message, Subscribe, Unsubscribe
from tidewire.settings import Settings


class Delayed:
    """What waits, in its order, and is done together when ``realtime_delay_seconds`` are over.

    Not more than one connection may be subscribed to: ``realtime_max_subscriptions`` in number, and
    ``realtime_max_subscription_bytes``.
    """

    __slots__ = ("_bytes", "_most", "_most_bytes", "_names", "_rows", "_timer", "messages")

    def __init__(self, settings: Settings, release: Callable[[], None]) -> None:
        """``release`` is called when the time is over."""
        self._most = settings.realtime_max_subscriptions
        self._most_bytes = settings.realtime_max_subscription_bytes
        self._timer = asyncio.get_running_loop().call_later(settings.realtime_delay_seconds, release)
        self._names: set[str] = set()
        self._rows = 0
        self._bytes = 0
        self.messages: list[Message] = []

    def concerns(self, message: object) -> bool:
        """Whether a message must not be done before what waits: it is about the same subscriptions."""
        if isinstance(message, Unsubscribe):
            return not self._names.isdisjoint(message.ids)
        return isinstance(message, Subscribe)

    def add(self, message: Subscribe | Unsubscribe) -> bool:
        """Have a message wait too; False if that would be too much."""
        names = message.ids if isinstance(message, Unsubscribe) else [row.id for row in message.rows]
        size = sum(map(len, message.ids)) if isinstance(message, Unsubscribe) else message.size
        if self._rows + len(names) > self._most or self._bytes + size > self._most_bytes:
            return False
        self._rows += len(names)
        self._bytes += size
        self._names.update(name for name in names if name)
        self.messages.append(message)
        return True

    def cancel(self) -> None:
        """Nothing of it will be done."""
        self._timer.cancel()
