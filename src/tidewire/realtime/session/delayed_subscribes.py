"""Delayed subscribes: messages of one connection that came faster than it may subscribe are done later.

SDKs send a ``subscribe`` once, and look at no answer: a subscription that is refused is lost for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tidewire.realtime.protocol.messages import Message, Subscribe, Unsubscribe
from tidewire.settings import Settings


class DelayedSubscribes:
    """Messages that wait in their order, and are done together when ``realtime_delay_seconds`` are over.

    Their number and size are bounded by what a connection may hold: ``realtime_max_subscriptions`` and
    ``realtime_max_subscription_bytes``. Removals of subscriptions wait only if these still wait to be made,
    each name once: so they are bounded too, and never refused.
    """

    __slots__ = ("_bytes", "_most", "_most_bytes", "_names", "_rows", "_timer", "messages")

    def __init__(self, settings: Settings, release: Callable[[], None]) -> None:
        """``release`` is called when the time is over."""
        self._most = settings.realtime_max_subscriptions
        self._most_bytes = settings.realtime_max_subscription_bytes
        self._timer = asyncio.get_running_loop().call_later(settings.realtime_delay_seconds, release)
        self._names: set[str] = set()
        """Names of the waiting subscriptions that there will be."""
        self._rows = 0
        self._bytes = 0
        self.messages: list[Message] = []

    def add(self, message: Subscribe) -> bool:
        """Have a message wait too; False if that would exceed a bound."""
        if self._rows + len(message.rows) > self._most or self._bytes + message.size > self._most_bytes:
            return False
        self._rows += len(message.rows)
        self._bytes += message.size
        self._names.update(row.id for row in message.rows if row.id)
        self.messages.append(message)
        return True

    def add_removals(self, message: Unsubscribe) -> Unsubscribe | None:
        """Have the removals of waiting subscriptions wait behind these; returns the rest, to be done now."""
        waiting = self._names.intersection(message.ids)
        if not waiting:
            return message
        self._names -= waiting
        self.messages.append(Unsubscribe([name for name in dict.fromkeys(message.ids) if name in waiting]))
        others = [name for name in message.ids if name not in waiting]
        return Unsubscribe(others) if others else None

    def cancel(self) -> None:
        """Do none of the messages."""
        self._timer.cancel()
