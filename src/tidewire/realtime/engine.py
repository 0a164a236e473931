"""Realtime as a whole: the projects that have connections, and what all connections share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from tidewire.channels import Channels
from tidewire.core.custom_channels import Member, member_event
from tidewire.core.events import Event, LoggedEvent
from tidewire.core.models.presences import Presence
from tidewire.core.project_settings import MfaFactors
from tidewire.core.time import ascending_microseconds, now
from tidewire.logs import RepeatedByKind
from tidewire.realtime.console.console import TELL_SECONDS, Console, test_event
from tidewire.realtime.fanout.acknowledgements import ROUND_SECONDS
from tidewire.realtime.hub.feed import Feed
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.hub.unlogged import Passing
from tidewire.realtime.matching.query_costs import Spending
from tidewire.realtime.peers import Peers
from tidewire.realtime.presence.channel_presence import Attendance, Place
from tidewire.realtime.presence.local_presence import LocalMembers
from tidewire.realtime.presence.presences import Presences
from tidewire.realtime.protocol.messages import (
    POLICY_VIOLATION,
    UNKNOWN_PROJECT,
    MessageError,
    Publish,
    SetPresence,
    Terms,
)
from tidewire.realtime.protocol.request import CONSOLE
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.receivers.subscriptions import Receiver
from tidewire.realtime.recovery.recovery import Recovery
from tidewire.realtime.recovery.replay import Replayer
from tidewire.realtime.roles.api_keys import Programs
from tidewire.realtime.runtime.loop_scheduler import Turns
from tidewire.realtime.runtime.meters import Meters
from tidewire.realtime.session.admins import Admins
from tidewire.realtime.session.admission import Doorkeeper
from tidewire.realtime.session.connection_limits import OpenConnections
from tidewire.realtime.session.publishing import publish
from tidewire.realtime.session.session import Connection
from tidewire.realtime.survey.answering import answer
from tidewire.realtime.survey.inspector import Inspector
from tidewire.realtime.survey.survey import CountConnections, Counts, Everywhere
from tidewire.realtime.wire.event_stream import EventStream
from tidewire.realtime.wire.flood import AddressBudgets, Flow
from tidewire.realtime.wire.liveness import watch
from tidewire.settings import Settings
from tidewire.store.engine.database import Database
from tidewire.store.instance.platform import ProjectStore, Stores
from tidewire.store.machine.processes import LivingProcess

EXPIRY_SECONDS: Final = 5.0
"""Between two looks for expired sessions; before each event there is another."""

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Room:
    """One project's part."""

    hub: Hub
    feed: Feed
    presences: Presences
    passing: Passing
    members: LocalMembers


class Realtime:
    """Serves ``/v1/realtime`` for one process."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self.settings = settings
        self.stores = stores
        self.doorkeeper = Doorkeeper(settings)
        self.open_connections: OpenConnections = OpenConnections(
            settings.realtime_max_connections, settings.realtime_max_connections_per_address
        )
        self.spending = Spending()
        self.flow = Flow(AddressBudgets(settings.realtime_flood_rate_per_address), _terms(settings))
        self.writing = Turns(per_round=1)
        """Of events that many connections get."""
        self.setting_up = asyncio.Semaphore(settings.realtime_handshakes_at_once)
        """Held while a connection is set up: after a restart all clients come back within a second."""
        self.rooms: dict[str, Room] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._releases: set[asyncio.Task[None]] = set()
        self._connections: set[Any] = set()
        self.process: LivingProcess
        """From :meth:`start` until :meth:`close`."""
        self.numbers = ascending_microseconds()
        """Of connections: among those of all processes, a later one has a higher number."""
        self.meters: Meters = Meters()
        self.reached = RepeatedByKind(_log.warning, "limit_reached", "limit")
        self.replayer = Replayer(self.meters)
        self.channels = Channels(settings, self, lambda key, sent: self.peers.tell_sent(key, sent))
        self.attendance = Attendance(settings.realtime_leave_seconds, self._tell_member)
        self.peers: Peers = Peers(self._pass_or_drop, self.channels.repeats, self.attendance, self.meters)
        self.everywhere = Everywhere(lambda: self.process.id, lambda question: answer(self, question))
        self.inspector = Inspector(self.everywhere, self.attendance)
        self.admins = Admins(stores)
        stores.listen_deletions(self.end_project)
        stores.platform.listen(lambda _: self.run(self.admins.review()))
        stores.platform.listen(lambda _: self._review_programs())
        stores.platform.listen(lambda _: self._review_console())

    def protocol(
        self,
        config: object,  # noqa: ARG002 - uvicorn's names, for all that it hands over
        server_state: Any,
        app_state: object,  # noqa: ARG002
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        """Make the protocol of one connection; for uvicorn's setting ``ws``."""
        self._connections = server_state.connections
        return Connection(self, self._connections)

    def stream(self, server_state: Any) -> asyncio.Protocol:
        """Make the protocol of one connection by Server-Sent Events."""
        self._connections = server_state.connections
        return EventStream(self, self._connections)

    async def start(self) -> None:
        """Begin to look after connections."""
        self.process = LivingProcess(Path(self.settings.data_dir))
        self.run(watch(lambda: self._connections, self.settings.realtime_idle_seconds))
        self.run(self._expire_sessions())
        self.run(self._begin_rounds())
        self.run(self._tell_console())

    async def close(self) -> None:
        """Cut off the connections that are left, and stop everything."""
        for connection in list(self._connections):
            if isinstance(connection, Connection):
                connection.transport.abort()
        await asyncio.sleep(0)  # in which the connections notice it
        while self._releases:
            await asyncio.gather(*self._releases, return_exceptions=True)
        await self.replayer.close()
        for room in self.rooms.values():
            if room.hub.recovery is not None:
                await room.hub.recovery.positions.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(room.feed.close() for room in self.rooms.values()))
        await asyncio.gather(*(room.passing.close() for room in self.rooms.values()))
        await asyncio.gather(*(room.members.close() for room in self.rooms.values()))
        self.attendance.close()
        self.process.close()

    def wake(self, project_id: str) -> None:
        """Another process committed something in a project."""
        room = self.rooms.get(project_id)
        if room is not None:
            room.feed.wake()
        if project_id == CONSOLE:
            self.run(self.stores.notice_deletions())
            self.run(self.admins.review())
            self._review_programs()
            self._review_console()

    def wake_all(self) -> None:
        """Another process may have committed something in any project."""
        for project_id in {*self.rooms, CONSOLE}:
            self.wake(project_id)

    def room(self, store: ProjectStore) -> Room:
        """The part of a project; made when it gets its first connection."""
        project_id = store.project.id
        room = self.rooms.get(project_id)
        if room is None:
            hub = Hub(project_id, store.identities, self.settings, self.meters, self.writing, self.spending)
            presences = Presences(store.database, self.process.id)
            hub.roles.signed_out = lambda receiver: self.release(hub, receiver)
            hub.factors = lambda: self._factors_of(project_id)
            send_back = partial(self._close_all, hub, CloseStatus.TRY_LATER)
            feed = Feed(store.database, hub, self._hub_of, send_back)
            if project_id != CONSOLE:  # whose connections get events of other logs too
                hub.programs = Programs(self.stores, project_id)
                hub.recovery = Recovery(hub, store.database, self.replayer, self.process.id)
            else:
                hub.console = Console(self.stores, hub.index, self._watch, self._watch_no_more)
            passing = Passing(hub, lambda channel: self.channels.rule(store.database, channel))
            members = self._local_members(store.database, hub)
            store.database.keep_awake_while(lambda: hub.connections > 0 or hub.watched is not None)
            room = self.rooms[project_id] = Room(hub, feed, presences, passing, members)
        return room

    async def set_presence(self, hub: Hub, receiver: Receiver, message: SetPresence) -> Presence:
        """Write the presence of a connection's user. Raises :class:`MessageError`."""
        return await self.rooms[hub.project_id].presences.set(receiver, message)

    async def publish(self, hub: Hub, author: Receiver, address: str, message: Publish) -> bytes:
        """Send the messages of a connection; the framed answer. Raises :class:`MessageError`."""
        store = await self.stores.project(hub.project_id)
        if store is None:
            raise MessageError(POLICY_VIOLATION, UNKNOWN_PROJECT, explanation="There is no such project.")
        return await publish(self.channels, store.database, hub, author, address, message)

    def release(self, hub: Hub, receiver: Receiver) -> None:
        """End the presences that only this connection kept; it ends, or its user signed out."""
        room = self.rooms.get(hub.project_id)
        if room is None or not room.presences.keeps(receiver):
            return
        task = asyncio.create_task(self._release(room.presences, receiver))
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    async def _release(self, presences: Presences, receiver: Receiver) -> None:
        try:
            await presences.release(receiver)
        except Exception:
            # They end when they expire, or when the server starts the next time.
            _log.exception("presence not ended", connection=f"{self.process.id}-{receiver.number}")

    async def _factors_of(self, project_id: str) -> MfaFactors:
        store = await self.stores.project(project_id)
        return store.project.settings.mfa_factors if store is not None else MfaFactors()

    def connections(self) -> list[Connection]:
        """All connections of this process."""
        return [each for each in list(self._connections) if isinstance(each, Connection)]

    def end_project(self, project_id: str) -> None:
        """A project was deleted: close its connections, and forget it."""
        self.attendance.forget(project_id)
        room = self.rooms.pop(project_id, None)
        if room is None:
            return
        self._close_all(room.hub, CloseStatus.REFUSED)
        self.run(room.feed.close())
        self.run(room.passing.close())
        self.run(room.members.close())

    def _close_all(self, hub: Hub, status: CloseStatus) -> None:
        for connection in self.connections():
            if connection.is_in(hub):
                connection.close(status)

    def _local_members(self, database: Database, hub: Hub) -> LocalMembers:
        project_id = hub.project_id
        members = LocalMembers(
            project_id,
            hub.index,
            lambda channel: self.channels.rule(database, channel),
            lambda receiver: f"{self.process.id}-{receiver.number}",
            self.attendance,
            lambda channel, joined, left: self.peers.tell_members((project_id, channel), joined, left),
        )
        hub.rule_changed = members.rule_changed
        return members

    def _tell_member(self, place: Place, member: Member, joined: bool) -> None:
        """Somebody has joined or left a channel, here or elsewhere: its readers here are told."""
        project_id, channel = place
        if self.attendance.count(place) > self.settings.realtime_max_members_told:
            return
        self._pass_or_drop(project_id, member_event(channel, member, joined=joined, timestamp=now()))

    def has_room(self, project_id: str, count: int) -> bool:
        """Whether so many more events that are in no log may wait for their delivery here."""
        room = self.rooms.get(project_id)
        return room is None or room.passing.has_room(count)

    def broadcast(self, project_id: str, event: Event) -> None:
        """Deliver an event that is in no log, in all processes. Here there was room for it."""
        room = self.rooms.get(project_id)
        if room is not None:
            room.passing.take(event)
        self.peers.tell_event(project_id, event)

    def _pass_or_drop(self, project_id: str, event: Event) -> None:
        room = self.rooms.get(project_id)
        if room is not None and room.passing.has_room(1):
            room.passing.take(event)
        elif room is not None:
            self.meters.dropped += 1

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the asynchronous part of a connection's work, or work that lasts until the end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _expire_sessions(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            for room in list(self.rooms.values()):
                room.hub.roles.expire(now())
            self._review_programs()
            await self.admins.review()

    def _review_programs(self) -> None:
        for room in list(self.rooms.values()):
            if room.hub.programs is not None:
                room.hub.programs.review(now())

    def _review_console(self) -> None:
        room = self.rooms.get(CONSOLE)
        if room is not None and room.hub.console is not None:
            self.run(room.hub.console.review())

    async def _watch(self, store: ProjectStore, watcher: Callable[[LoggedEvent], None]) -> None:
        room = self.room(store)
        room.hub.watched = watcher
        await room.feed.follow()

    def _watch_no_more(self, project_id: str) -> None:
        room = self.rooms.get(project_id)
        if room is not None:
            room.hub.watched = None

    async def _tell_console(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            room = self.rooms.get(CONSOLE)
            if room is None or room.hub.console is None or room.hub.connections == 0:
                continue
            try:
                await self._tell(room, room.hub.console)
            except Exception:
                _log.exception("the console is not told")

    async def _tell(self, room: Room, console: Console) -> None:
        room.passing.take(test_event())
        await console.review()
        counts = await self.everywhere.ask(CountConnections(), Counts)
        if counts.missing:
            return  # what they have is not known, and a sum without them would be wrong
        sums: Counter[str] = Counter()
        for each in counts.given.values():
            sums.update(each.by_project)
        for project_id, count in sums.items():
            store = await self.stores.project(project_id)
            if store is not None:
                console.tell_counts(project_id, store.project.team_id, count)

    async def _begin_rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            for room in list(self.rooms.values()):
                if room.hub.recovery is not None:
                    room.hub.recovery.begin_round()

    def _hub_of(self, logged: LoggedEvent) -> Hub | None:
        """Whose connections an event is for."""
        room = self.rooms.get(CONSOLE if logged.event.audience == CONSOLE else logged.project_id)
        return room.hub if room is not None else None


def _terms(settings: Settings) -> Terms:
    # Who comes back may name more than there may be: what is over the limit is refused row by row.
    return Terms(
        extended_queries=settings.realtime_queries == "extended",
        most_rows=2 * settings.realtime_max_subscriptions,
        most_values=settings.max_body_values,
    )
