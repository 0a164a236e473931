"""One project's realtime: its hub and what belongs to it, wired together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import structlog

from tidewire.core.events import LoggedEvent
from tidewire.core.project_settings import MfaFactors
from tidewire.realtime.console.console import Console
from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.fanout.fanout import Fanout
from tidewire.realtime.fanout.log_progress import LogProgress
from tidewire.realtime.hub.feed import Feed
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.hub.unlogged import UnloggedEvents
from tidewire.realtime.matching.index import Index
from tidewire.realtime.presence.local_presence import LocalPresence
from tidewire.realtime.presence.presences import Presences
from tidewire.realtime.project.shared import Shared
from tidewire.realtime.protocol.request import CONSOLE
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.recovery.history import History
from tidewire.realtime.recovery.positions import Positions
from tidewire.realtime.recovery.recovery import Recovery
from tidewire.realtime.recovery.replay import ReplaySource
from tidewire.realtime.roles.api_keys import ApiKeyConnections
from tidewire.realtime.roles.live_roles import LiveRoles
from tidewire.store.instance.instance import ProjectStore

_log: Final = structlog.get_logger(__name__)


class OtherProjects(Protocol):
    """What a project needs of the others of its process."""

    def hub_of(self, logged: LoggedEvent) -> Hub | None:
        """The hub whose connections an event is for; None: nobody is connected to it."""

    async def watch(self, store: ProjectStore, watcher: Callable[[LoggedEvent], None]) -> None:
        """Call ``watcher`` with each event of a project from now on."""

    def watch_no_more(self, project_id: str) -> None:
        """Call no watcher of a project any more."""

    def close_connections(self, project_id: str, status: CloseStatus) -> None:
        """Close all connections to a project."""


class ProjectRealtime:
    """The realtime of one project in this process, from its first connection until :meth:`close`."""

    def __init__(self, store: ProjectStore, shared: Shared, others: OtherProjects) -> None:
        project_id, database, process_id = store.project.id, store.database, shared.process_id()
        self.database = database
        self._shared = shared
        self._project_id = project_id
        settings = shared.settings
        is_console = project_id == CONSOLE
        index = Index(shared.query_costs, lambda subscription: self.local_presence.touched(subscription))
        progress = LogProgress()
        acknowledgements = Acknowledgements(enabled=settings.realtime_recovery_seconds > 0)
        # Connections to the console get events of several logs: there is nothing that they could recover.
        api_keys = None if is_console else ApiKeyConnections(shared.instance, project_id)
        recovery = None
        if api_keys is not None:
            positions = Positions(database, settings, progress, acknowledgements, process_id)
            source = ReplaySource(History(database, progress), index, progress, acknowledgements)
            recovery = Recovery(database, settings, positions, source, api_keys, shared.replayer)
        self.local_presence = LocalPresence(
            project_id,
            index,
            partial(shared.rule_of, database),
            lambda receiver: f"{process_id}-{receiver.number}",
            shared.channel_presence,
            lambda channel, joined, left: shared.tell_members((project_id, channel), joined, left),
        )
        self.hub = Hub(
            project_id,
            settings,
            index=index,
            roles=LiveRoles(index, store.identities, self._factors, self.release),
            fanout=Fanout(
                shared.fanout_scheduler, shared.meters, acknowledgements, lambda: self.hub.settle()
            ),
            progress=progress,
            acknowledgements=acknowledgements,
            meters=shared.meters,
            recovery=recovery,
            api_keys=api_keys,
            console=Console(shared.instance, index, others.watch, others.watch_no_more)
            if is_console
            else None,
            catch_up=lambda: self.feed.catch_up(),
            rule_changed=self.local_presence.rule_changed,
        )
        send_back = partial(others.close_connections, project_id, CloseStatus.TRY_LATER)
        self.feed = Feed(database, self.hub, others.hub_of, send_back)
        self.presences = Presences(database, process_id)
        self.unlogged = UnloggedEvents(self.hub, partial(shared.rule_of, database))
        database.keep_awake_while(lambda: self.feed.is_needed)

    def release(self, receiver: Receiver) -> None:
        """End the presences that only this connection kept; it has ended, or its user signed out."""
        if self.presences.keeps(receiver):
            self._shared.tasks.run(self._release(receiver))

    async def close(self) -> None:
        """Stop all work for the project."""
        await asyncio.gather(self.feed.close(), self.unlogged.close(), self.local_presence.close())

    async def _release(self, receiver: Receiver) -> None:
        try:
            await self.presences.release(receiver)
        except Exception:
            # They end when they expire, or when the server starts the next time.
            name = f"{self._shared.process_id()}-{receiver.number}"
            _log.exception("presence not ended", connection=name)

    async def _factors(self) -> MfaFactors:
        store = await self._shared.instance.project(self._project_id)
        return store.project.settings.mfa_factors if store is not None else MfaFactors()
