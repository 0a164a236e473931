"""What the server tells a connection besides events, in the words of the protocol that it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidewire.core.models import Account
from tidewire.realtime.protocol import frames


class Answers:
    """Answers in Appwrite's protocol; other protocols have their own."""

    def connected(
        self,
        channels: Sequence[str],
        subscriptions: Mapping[str, str] | None,
        account: Account | None,
        position: Mapping[str, Any],
    ) -> bytes:
        """The first message to a connection that was admitted (:func:`frames.connected`)."""
        return frames.connected(channels, subscriptions, account, position)

    def subscribed(
        self, subscriptions: Sequence[Mapping[str, Any]], position: Mapping[str, Any]
    ) -> list[bytes]:
        """The messages that say what became of subscriptions (:func:`frames.subscribed`); maybe none."""
        return [frames.subscribed(subscriptions, position)]

    def unsubscribed(self, results: Iterable[tuple[str, bool]]) -> list[bytes]:
        """The messages that say which subscriptions were ended (:func:`frames.unsubscribed`); maybe none."""
        return [frames.unsubscribed(results)]
