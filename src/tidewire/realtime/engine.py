"""Realtime as a whole: its parts, wired together for one process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from tidewire.channels import Channels
from tidewire.core.time import ascending_microseconds
from tidewire.functions.contract import Engine
from tidewire.logs import RepeatedByKind
from tidewire.realtime.housekeeping import Housekeeping
from tidewire.realtime.matching.query_costs import QueryCosts
from tidewire.realtime.peers import Peers, Send
from tidewire.realtime.presence.channel_presence import ChannelPresence
from tidewire.realtime.project.projects import Projects
from tidewire.realtime.project.shared import Shared
from tidewire.realtime.protocol.graphql_messages import Documents
from tidewire.realtime.protocol.messages import Terms
from tidewire.realtime.protocol.request import CONSOLE
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.recovery.replay import Replayer
from tidewire.realtime.runtime.loop_scheduler import PIECE_SECONDS, LoopScheduler
from tidewire.realtime.runtime.meters import Meters
from tidewire.realtime.runtime.tasks import Tasks
from tidewire.realtime.session.admins import Admins
from tidewire.realtime.session.admission import Admission
from tidewire.realtime.session.connection_limits import OpenConnections
from tidewire.realtime.session.graphql_session import GraphQLSession
from tidewire.realtime.session.services import Services
from tidewire.realtime.session.session import Session
from tidewire.realtime.survey.answering import Answering
from tidewire.realtime.survey.inspector import Inspector
from tidewire.realtime.survey.metrics import Counted
from tidewire.realtime.survey.survey import OtherProcesses, Survey
from tidewire.realtime.wire.budgets import AddressBudgets
from tidewire.realtime.wire.event_stream import EventStream
from tidewire.realtime.wire.socket import SocketWire, WireContext
from tidewire.realtime.wire.websocket import WebSocket
from tidewire.settings import Settings
from tidewire.store.instance.instance import Instance
from tidewire.store.machine.processes import LivingProcess

_log: Final = structlog.get_logger(__name__)


class Realtime:
    """Serves ``/v1/realtime`` and its event streams for one process, from :meth:`start` to :meth:`close`."""

    def __init__(
        self,
        settings: Settings,
        instance: Instance,
        functions: Engine | None = None,
        documents: Documents | None = None,
    ) -> None:
        """``functions``: what runs them; their numbers are among the metrics.

        ``documents``: reads what clients ask for by GraphQL, which nothing is served of without it.
        """
        self._settings = settings
        self._instance = instance
        self.process: LivingProcess
        """This process among the others; from :meth:`start` until :meth:`close`."""
        self.meters = Meters()
        self.query_costs = QueryCosts()
        self._tasks = Tasks()
        self._ending = Tasks()
        """Work that connections and projects leave behind when they end."""
        self._replayer = Replayer(self.meters)
        self.channel_presence = ChannelPresence(
            settings.realtime_leave_seconds, lambda *told: self.projects.tell_member(*told)
        )
        shared = Shared(
            settings=settings,
            instance=instance,
            tasks=self._ending,
            meters=self.meters,
            fanout_scheduler=LoopScheduler(per_round=1),
            query_costs=self.query_costs,
            replayer=self._replayer,
            channel_presence=self.channel_presence,
            process_id=self._process_id,
            rule_of=lambda database, name: self.channels.rule(database, name),
            tell_members=lambda channel, joined, left: self.peers.tell_members(channel, joined, left),
        )
        self.projects = Projects(shared, self._close_connections, lambda *told: self.peers.tell_event(*told))
        self.channels = Channels(settings, self.projects, lambda key, sent: self.peers.tell_sent(key, sent))
        self.peers = Peers(self.projects.deliver, self.channels.repeats, self.channel_presence, self.meters)
        self.open_connections = OpenConnections(
            settings.realtime_max_connections, settings.realtime_max_connections_per_address
        )
        self.limits_reached = RepeatedByKind(_log.warning, "limit_reached", "limit")
        self.admins = Admins(instance)
        reading = LoopScheduler(seconds=PIECE_SECONDS, rest=PIECE_SECONDS)  # half of the time at most
        services = Services(
            settings=settings,
            instance=instance,
            tasks=self._tasks,
            projects=self.projects,
            channels=self.channels,
            admission=Admission(settings),
            admins=self.admins,
            open_connections=self.open_connections,
            meters=self.meters,
            limits_reached=self.limits_reached,
            terms=_terms(settings),
            reading=reading,
            documents=documents,
            setting_up=asyncio.Semaphore(settings.realtime_handshakes_at_once),
            numbers=ascending_microseconds(),
            process_id=self._process_id,
        )
        self.setting_up = services.setting_up
        self.wires = WireContext(
            settings,
            AddressBudgets(settings.realtime_flood_rate_per_address),
            reading,
            partial(Session, services),
            partial(GraphQLSession, services) if documents is not None else None,
        )
        """What the wires share; with uvicorn's set of connections as soon as there is one."""
        counted = Counted(self.meters, self.open_connections, self.projects.by_id, self.sessions, functions)
        self.survey = Survey(self._process_id, Answering(counted, self.sessions).answer)
        self.inspector = Inspector(self.survey, self.channel_presence)
        self.housekeeping = Housekeeping(instance, self.projects, self.admins, self.survey, self._open_wires)
        instance.listen_deletions(self.projects.end)
        instance.database.listen(lambda _: self._review())

    def protocol(
        self,
        config: object,  # noqa: ARG002 - uvicorn's names, for all that it hands over
        server_state: Any,
        app_state: object,  # noqa: ARG002
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        """Make the protocol of one WebSocket; for uvicorn's setting ``ws``."""
        return WebSocket(self._wires_among(server_state))

    def stream(self, server_state: Any) -> asyncio.Protocol:
        """Make the protocol of one event stream."""
        return EventStream(self._wires_among(server_state))

    async def start(self) -> None:
        """Begin to look after connections."""
        self.process = LivingProcess(Path(self._settings.data_dir))
        self._tasks.run(self.housekeeping.watch())
        self._tasks.run(self.housekeeping.expire())
        self._tasks.run(self.housekeeping.begin_rounds())
        self._tasks.run(self.housekeeping.tell_console())

    async def close(self) -> None:
        """Cut off the connections that are left, and stop everything."""
        for session in self.sessions():
            session.wire.abort()
        await asyncio.sleep(0)  # in which the connections notice it
        await self._ending.finish()
        await self._replayer.close()
        await self.projects.write_positions()
        await self._tasks.close()
        await self.projects.close()
        self.channel_presence.close()
        self.process.close()

    def connect(self, send: Send, others: OtherProcesses) -> None:
        """Join the other processes of the server."""
        self.peers.connect(send)
        self.survey.connect(others)

    def wake(self, project_id: str) -> None:
        """Another process committed something in a project."""
        self.projects.wake(project_id)
        if project_id == CONSOLE:
            self._tasks.run(self._instance.notice_deletions())
            self._review()

    def wake_all(self) -> None:
        """Another process may have committed something in any project."""
        for project_id in {*self.projects.by_id, CONSOLE}:
            self.wake(project_id)

    def sessions(self) -> list[Session]:
        """All open sessions of this process."""
        return [wire.session for wire in self._open_wires() if isinstance(wire.session, Session)]

    def _open_wires(self) -> list[SocketWire]:
        return [each for each in list(self.wires.siblings) if isinstance(each, SocketWire)]

    def _wires_among(self, server_state: Any) -> WireContext:
        if self.wires.siblings is not server_state.connections:
            self.wires = replace(self.wires, siblings=server_state.connections)
        return self.wires

    def _close_connections(self, project_id: str, status: CloseStatus) -> None:
        for session in self.sessions():
            if session.is_in(project_id):
                session.close(status)

    def _review(self) -> None:
        """Something was committed to the database of the instance, which keys and admins depend on."""
        self._tasks.run(self.admins.review())
        self.projects.review_api_keys()
        self._tasks.run(self.projects.review_console())

    def _process_id(self) -> str:
        return self.process.id


def _terms(settings: Settings) -> Terms:
    # A client that comes back may name more than there may be: what is over the limit is refused row by row.
    return Terms(
        extended_queries=settings.realtime_queries == "extended",
        most_rows=2 * settings.realtime_max_subscriptions,
        most_values=settings.max_body_values,
    )
