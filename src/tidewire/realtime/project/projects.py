"""The projects of a process that have connections, or had some."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tidewire.core.custom_channels import Member, member_event
from tidewire.core.events import Event, LoggedEvent
from tidewire.core.time import now
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.presence.channel_presence import ChannelKey
from tidewire.realtime.project.project import ProjectRealtime
from tidewire.realtime.project.shared import Shared
from tidewire.realtime.protocol.request import CONSOLE
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.store.instance.instance import ProjectStore


class Projects:
    """All projects that a process has connections to."""

    def __init__(
        self,
        shared: Shared,
        close_connections: Callable[[str, CloseStatus], None],
        tell_event: Callable[[str, Event], None],
    ) -> None:
        """``close_connections`` closes the connections to a project with a status.

        ``tell_event`` has other processes deliver an event that is in no log.
        """
        self.by_id: dict[str, ProjectRealtime] = {}
        self.close_connections = close_connections
        self._tell_event = tell_event
        self._shared = shared

    def open(self, store: ProjectStore) -> ProjectRealtime:
        """The realtime of a project; made when it gets its first connection."""
        project_id = store.project.id
        if project_id not in self.by_id:
            self.by_id[project_id] = ProjectRealtime(store, self._shared, self)
        return self.by_id[project_id]

    def wake(self, project_id: str) -> None:
        """Another process committed something in a project."""
        if project_id in self.by_id:
            self.by_id[project_id].feed.wake()

    def hub_of(self, logged: LoggedEvent) -> Hub | None:
        """The hub whose connections an event is for; None: nobody is connected to it."""
        project = self.by_id.get(CONSOLE if logged.event.audience == CONSOLE else logged.project_id)
        return project.hub if project is not None else None

    async def watch(self, store: ProjectStore, watcher: Callable[[LoggedEvent], None]) -> None:
        """Call ``watcher`` with each event of a project from now on."""
        await self.open(store).feed.watch(watcher)

    def watch_no_more(self, project_id: str) -> None:
        """Call no watcher of a project any more."""
        if project_id in self.by_id:
            self.by_id[project_id].feed.watch_no_more()

    def has_room(self, project_id: str, count: int) -> bool:
        """Whether so many more events that are in no log may wait for their delivery here."""
        project = self.by_id.get(project_id)
        return project is None or project.unlogged.has_room(count)

    def broadcast(self, project_id: str, event: Event) -> None:
        """Deliver an event that is in no log, in all processes; here :meth:`has_room` was asked before."""
        project = self.by_id.get(project_id)
        if project is not None:
            project.unlogged.take(event)
        self._tell_event(project_id, event)

    def deliver(self, project_id: str, event: Event) -> None:
        """Deliver an event that is in no log to the connections of this process.

        If there is no room for it, it is dropped and counted as such.
        """
        project = self.by_id.get(project_id)
        if project is not None and project.unlogged.has_room(1):
            project.unlogged.take(event)
        elif project is not None:
            self._shared.meters.dropped += 1

    def tell_member(self, channel: ChannelKey, member: Member, joined: bool) -> None:
        """Tell the readers of a channel here that somebody has joined or left it, here or elsewhere."""
        project_id, name = channel
        if self._shared.channel_presence.count(channel) <= self._shared.settings.realtime_max_members_told:
            self.deliver(project_id, member_event(name, member, joined=joined, timestamp=now()))

    def review_api_keys(self) -> None:
        """Close the connections whose API keys are gone, have expired or have lost the scope."""
        for project in list(self.by_id.values()):
            if project.hub.api_keys is not None:
                project.hub.api_keys.review(now())

    async def review_console(self) -> None:
        """Follow the logs of the projects that somebody looks at in the console."""
        project = self.by_id.get(CONSOLE)
        if project is not None and project.hub.console is not None:
            await project.hub.console.review()

    def end(self, project_id: str) -> None:
        """A project was deleted: close its connections, and forget it."""
        self._shared.channel_presence.forget(project_id)
        project = self.by_id.pop(project_id, None)
        if project is not None:
            self.close_connections(project_id, CloseStatus.REFUSED)
            self._shared.tasks.run(project.close())

    async def write_positions(self) -> None:
        """Return when all that recovery keeps is in the databases."""
        for project in self.by_id.values():
            if project.hub.recovery is not None:
                await project.hub.recovery.positions.close()

    async def close(self) -> None:
        """Stop all work for all projects."""
        await asyncio.gather(*(project.close() for project in self.by_id.values()))
