"""Unlogged events: events that are in no log, delivered in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from tidewire.core.custom_channels import MEMBER_EVENTS, ChannelRule
from tidewire.core.events import Event, LoggedEvent
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.runtime.tasks import stop

MAX_WAITING: Final = 10_000
"""The most events that wait for their delivery; further ones are refused."""

RuleOf = Callable[[str], Awaitable[ChannelRule | None]]
"""Finds the rule for a channel."""

_log: Final = structlog.get_logger(__name__)


class UnloggedEvents:
    """The unlogged events of one project: messages of channels without history, joins and leaves.

    Each is delivered after everything that was committed before it came has been handled: a connection that
    had lost the right to it does not get it.
    """

    def __init__(self, hub: Hub, rule_of: RuleOf) -> None:
        self._hub = hub
        self._rule_of = rule_of
        self._waiting: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None

    def has_room(self, count: int) -> bool:
        """Whether so many more events may wait."""
        return self._hub.connections == 0 or len(self._waiting) + count <= MAX_WAITING

    def take(self, event: Event) -> None:
        """Deliver an event soon. A caller that must not lose it asks before whether there is room."""
        if self._hub.connections == 0:
            return
        self._waiting.append(event)
        if self._task is None:
            self._task = asyncio.create_task(
                self._deliver_all(), name=f"passing on in {self._hub.project_id}"
            )

    async def close(self) -> None:
        """Stop delivering."""
        await stop(self._task)

    async def _deliver_all(self) -> None:
        try:
            while self._waiting:
                try:
                    await self._deliver_some()
                except Exception:
                    _log.exception("event not passed on", project=self._hub.project_id)
        finally:
            self._task = None

    async def _deliver_some(self) -> None:
        """Deliver the events that wait now, together."""
        count = len(self._waiting)
        await self._hub.catch_up()
        for _ in range(count):
            event = await self._addressed(self._waiting.popleft())
            if event is not None:
                await self._hub.publish(LoggedEvent(self._hub.project_id, 0, event), more=True)
        await self._hub.flush()

    async def _addressed(self, event: Event) -> Event | None:
        """The event with the roles that may read it now: events about members do not name any themselves."""
        if event.pattern not in MEMBER_EVENTS:
            return event
        rule = await self._rule_of(event.parameters["channelId"])
        if rule is None or not rule.presence:
            return None
        return msgspec.structs.replace(event, roles=list(rule.read))
