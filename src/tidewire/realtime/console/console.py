"""The console: what only connections to the console's project get.

Events of other projects that are for the console stand in the logs of those projects, which a process without
connections to them does not read. So the logs of the projects that somebody looks at are followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

from tidewire.core.events import Event, LoggedEvent
from tidewire.core.live_tail import CHANNEL, tail_of
from tidewire.core.time import now
from tidewire.realtime.console.live_tail import LiveTail
from tidewire.realtime.matching.index import Index
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.errors import POLICY_VIOLATION, MessageError
from tidewire.realtime.protocol.messages import Subscribe
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.store.instance.instance import Instance, ProjectStore
from tidewire.store.records.projects import projects_of_teams

TELL_SECONDS: Final = 5.0
"""Seconds between two frames that tell how many connections there are, and between two test events."""

_ALL: Final = "console"
_ONE: Final = "projects."
_COUNTS: Final = "project"
_NO_TAIL: Final = "The live tail is not open to this connection."

Follow = Callable[[ProjectStore, Callable[[LoggedEvent], None]], Awaitable[None]]
"""Has the log of a project followed from now on; the function is called with each event of it."""


def test_event() -> Event:
    """The test event, which guests on the channel ``tests`` get every few seconds because test suites of SDKs
    wait for it."""
    return Event(
        pattern="test.event",
        parameters={},
        channels=["tests"],
        roles=["guests"],
        payload=b'{"response":"WS:/v1/realtime:passed"}',
        timestamp=now(),
    )


class Console:
    """The connections to the console's project of this process, beyond what all connections get."""

    def __init__(
        self, instance: Instance, index: Index, follow: Follow, forget: Callable[[str], None]
    ) -> None:
        self._instance = instance
        self._index = index
        self._follow = follow
        self._forget = forget
        self._followed: set[str] = set()
        self._changing = asyncio.Lock()
        self.tail = LiveTail(index, instance.settings.realtime_tail_rate)

    def concerns(self, message: Subscribe) -> bool:
        """Whether :meth:`prepare` has to be called before ``message`` is answered."""
        return any(_is_of_projects(channel) for row in message.rows for channel in row.channels)

    async def prepare(self, receiver: Receiver, message: Subscribe) -> None:
        """Follow what the subscriptions want. Raises :class:`MessageError` for a tail that is not theirs."""
        channels = [channel for row in message.rows for channel in row.channels]
        for project_id in {tail_of(channel) for channel in channels} - {""}:
            store = await self._instance.project(project_id)
            team_id = store.project.team_id if store is not None else ""
            if not team_id or f"team:{team_id}" not in receiver.roles:
                raise MessageError(POLICY_VIOLATION, _NO_TAIL)
        await self.review(receiver, channels)

    async def review(self, newcomer: Receiver | None = None, asked: Iterable[str] = ()) -> None:
        """Follow the logs of the projects that somebody looks at, and no others.

        ``asked``: channels that ``newcomer`` is about to get.
        """
        async with self._changing:
            lookers: dict[str, set[Receiver]] = {}
            for channel in [_ALL, *self._index.channels_below(_ONE), *self._index.channels_below(CHANNEL)]:
                lookers[channel] = self._index.subscribers(channel)
            if newcomer is not None:
                for channel in filter(_is_of_projects, asked):
                    lookers[channel] = lookers.get(channel, set()) | {newcomer}
            wanted = await self._projects_seen(lookers) if any(lookers.values()) else set()
            for project_id in wanted:
                store = await self._instance.project(project_id)
                if store is not None:
                    await self._follow(store, partial(self.tail.take, store.project.team_id))
            for project_id in self._followed - wanted:
                self._forget(project_id)
            self._followed = wanted

    def tell_counts(self, project_id: str, team_id: str, count: int) -> None:
        """Tell the team of a project how many connections it has."""
        frame = None
        for receiver in self._index.subscribers(_COUNTS):
            if team_id and f"team:{team_id}" in receiver.roles:
                frame = frame or frames.connection_count(project_id, count)
                receiver.tell(frame)

    async def _projects_seen(self, lookers: dict[str, set[Receiver]]) -> set[str]:
        """The projects that somebody looks at who is in the team that owns them."""
        roles = {role for receivers in lookers.values() for each in receivers for role in each.roles}
        teams = {role.removeprefix("team:") for role in roles if role.startswith("team:") and "/" not in role}

        owned = await self._instance.database.read(partial(projects_of_teams, teams=teams)) if teams else ()
        return {
            project_id
            for project_id, team_id in owned
            for channel in (_ALL, _ONE + project_id, CHANNEL + project_id)
            if any(f"team:{team_id}" in each.roles for each in lookers.get(channel, ()))
        }


def _is_of_projects(channel: str) -> bool:
    return channel == _ALL or channel.startswith((_ONE, CHANNEL))
