"""The live tail of a project in the console: all of its events as they happen, without their payloads.

A tail is a subscription like any other, on a channel of the console's project. Its entries are matched as the
payloads of events are, so that queries filter them. Each subscription gets a bounded number a second.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tidewire.core.events import LoggedEvent
from tidewire.core.live_tail import CHANNEL, tail_entry
from tidewire.realtime.matching.index import Index
from tidewire.realtime.matching.matcher import Payload
from tidewire.realtime.matching.ranges import each
from tidewire.realtime.protocol import frames
from tidewire.realtime.receivers.receiver import Subscription

FLUSH_SECONDS: Final = 0.15
MAX_ENTRIES: Final = 200
"""The most entries in one frame."""

_encode: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Window:
    """The entries that one subscription gets of one project."""

    project_id: str
    role: str
    """The role without which the subscription gets nothing."""
    tokens: float
    filled_at: float
    """The time at which the tokens were counted last."""
    entries: list[bytes] = field(default_factory=list)
    dropped: int = 0

    def admits(self, rate: int) -> bool:
        """Take a token if there is one; ``rate`` come each second, and no more than that are kept."""
        moment = time.monotonic()
        self.tokens = min(float(rate), self.tokens + (moment - self.filled_at) * rate)
        self.filled_at = moment
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class LiveTail:
    """All tails of this process. ``index`` is that of the console's project."""

    def __init__(self, index: Index, per_second: int) -> None:
        self._index = index
        self._per_second = per_second
        self._windows: dict[tuple[Subscription, str], _Window] = {}
        self._flush_task: asyncio.TimerHandle | None = None

    def take(self, team_id: str, logged: LoggedEvent) -> None:
        """Show an event to those who follow its project, which the team owns."""
        channel = CHANNEL + logged.project_id
        if not self._index.is_subscribed(channel):
            return
        entry, role = _encode(tail_entry(logged.event)), f"team:{team_id}"
        for held in self._index.match([channel], [role], Payload(entry), sys.maxsize).values():
            for subscription in each(held):
                self._add(subscription, logged.project_id, role, entry)
        if self._flush_task is None and self._windows:
            self._flush_task = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def close(self) -> None:
        """Stop: show no further event."""
        if self._flush_task is not None:
            self._flush_task.cancel()

    def _add(self, subscription: Subscription, project_id: str, role: str, entry: bytes) -> None:
        window = self._windows.get((subscription, project_id))
        if window is None:
            window = _Window(project_id, role, self._per_second, time.monotonic())
            self._windows[subscription, project_id] = window
        if window.admits(self._per_second):
            window.entries.append(entry)
        else:
            window.dropped += 1

    def _flush(self) -> None:
        self._flush_task = None
        for key, window in list(self._windows.items()):
            subscription = key[0]
            receiver = subscription.receiver
            is_held = receiver.subscriptions.get(subscription.id) is subscription
            if is_held and window.role in receiver.roles:
                _send(subscription, window)
            else:
                del self._windows[key]
            window.entries, window.dropped = [], 0


def _send(subscription: Subscription, window: _Window) -> None:
    tell = subscription.receiver.tell
    channel = CHANNEL + window.project_id
    for start in range(0, len(window.entries), MAX_ENTRIES):
        payload = msgspec.Raw(b"[" + b",".join(window.entries[start : start + MAX_ENTRIES]) + b"]")
        tell(frames.tail(channel, "console.tail", subscription.id, payload))
    if window.dropped:
        told = {"$type": "tail.stats", "delivered": len(window.entries), "dropped": window.dropped}
        tell(frames.tail(channel, "console.tail.stats", subscription.id, told))
