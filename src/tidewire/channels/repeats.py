"""Repeats: messages without history that had an idempotency key, remembered for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from tidewire.store.records.sent_messages import SentMessage


class RepeatKey(NamedTuple):
    """What makes a message the same as another."""

    project_id: str
    channel: str
    publisher: str
    key: str


class Repeats:
    """The messages that were sent lately; beyond the capacity the oldest are forgotten first."""

    def __init__(self, seconds: float, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._sent: dict[RepeatKey, tuple[SentMessage, float]] = {}
        """The oldest first."""

    def find(self, key: RepeatKey) -> SentMessage | None:
        """The message that was sent with this key, if it is still known."""
        sent, until = self._sent.get(key, (None, 0.0))
        return sent if until > self._clock() else None

    def note(self, key: RepeatKey, sent: SentMessage) -> None:
        """Remember a message that was sent."""
        moment = self._clock()
        self._sent.pop(key, None)
        self._sent[key] = (sent, moment + self._seconds)
        while len(self._sent) > self._capacity or next(iter(self._sent.values()))[1] <= moment:
            del self._sent[next(iter(self._sent))]
