"""The session of one client: admitted, then answered, message after message in their order."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from websockets.http11 import Request

from tidewire.core.realtime_queries import normal_form
from tidewire.identity.heads import trusted_hops
from tidewire.realtime.project.project import ProjectRealtime
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.errors import (
    INTERNAL,
    POLICY_VIOLATION,
    TOO_MUCH,
    UNKNOWN_PROJECT,
    MessageError,
)
from tidewire.realtime.protocol.event_stream import stream_start
from tidewire.realtime.protocol.messages import Since
from tidewire.realtime.protocol.request import CONSOLE, Inputs, read_inputs
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.session.responder import UNANSWERED, Responder
from tidewire.realtime.session.services import Services
from tidewire.realtime.session.sign_in import Visitor, sign_in
from tidewire.realtime.wire.contract import Wire
from tidewire.store.engine.failures import is_unanswered
from tidewire.store.errors import StoreError
from tidewire.store.instance.instance import Project
from tidewire.store.records.projects import project_unavailable

CLOSED_FOR: Final = {
    "flood": "frames of a connection",
    "slow": "bytes queued for a connection",
    "too_large": "bytes of a message",
    "unfinished": "unfinished messages",
}
"""Reasons of closes that tell of a limit, with the name of the limit."""

_log: Final = structlog.get_logger(__name__)


class Session(Responder):
    """The session of one connection, from its opening request to its end."""

    __slots__ = ("_address",)

    def __init__(self, services: Services, wire: Wire) -> None:
        super().__init__(services, wire)
        self._address: str | None = None
        """The address that the client comes from, while the connection counts as open."""

    def opened(self, request: Request, last_event: str | None = None) -> None:
        """Begin to find out who connects, while messages wait."""
        inputs = read_inputs(request, self.wire.peer, trusted_hops(self.services.settings))
        if self._is_counted(inputs):
            self.services.tasks.run(self._set_up(inputs, last_event))

    def received(self, text: str) -> None:
        """Note what the message shows of a page, and answer it when it is its turn."""
        if self.page is not None and self._project is not None:
            self._project.hub.acknowledgements.shown(self)
        super().received(text)

    def next_ping(self) -> bytes | None:
        """See :class:`WireUser`."""
        if self._project is None:
            return b""
        return self._project.hub.acknowledgements.ping(self) if not self.asked else None

    def pong(self, payload: bytes) -> None:
        """See :class:`WireUser`: a pong is an acknowledgement."""
        if self._project is not None:
            self._project.hub.acknowledgements.answered(self, payload)

    def reached(self) -> str:
        """See :class:`WireUser`."""
        if self._project is None or self.replay is not None:
            return ""
        hub = self._project.hub
        begun = max((held.since for held in self.subscriptions.values()), default=0)
        return _position(hub.progress.epoch, max(begun, hub.acknowledgements.settled))

    def closed(self, reason: str) -> None:
        """See :class:`WireUser`."""
        self.services.meters.closes[reason] += 1
        if reason in CLOSED_FOR:
            self.held_up(CLOSED_FOR[reason])

    def held_up(self, limit: str) -> None:
        """See :class:`WireUser`."""
        self.services.limits_reached.tell(limit, address=self.origin)

    def ended(self) -> None:
        """See :class:`WireUser`: leave the project."""
        self._backlog = None
        self.forget_delayed()
        if self._project is not None:
            hub = self._project.hub
            self.services.admins.forget(self)
            self._project.release(self)
            if hub.recovery is not None:
                hub.recovery.lose(self)
            hub.leave(self)
            hub.closed()
            self._project = None
        if self._address is not None:
            self.services.open_connections.leave(self._address)
            self._address = None

    @property
    def id(self) -> str:
        """Names the connection in logs and in answers, unlike any other ever."""
        return f"{self.services.process_id()}-{self.number}"

    @property
    def origin(self) -> str:
        """The address that the connection comes from, while it counts as open."""
        return self._address or ""

    @property
    def acknowledges(self) -> bool:
        """See :class:`Receiver`."""
        return self.wire.acknowledges

    @property
    def congested(self) -> bool:
        """See :class:`Receiver`."""
        return self.wire.congested

    def send(self, framed: bytes) -> None:
        """See :class:`Receiver`."""
        self.wire.send(framed)

    def write(self, framed: bytes) -> None:
        """See :class:`Receiver`."""
        self.wire.write(framed)

    def tell(self, text: bytes) -> None:
        """See :class:`Receiver`."""
        self.wire.send_text(text)

    def close(self, status: CloseStatus, reason: str = "") -> None:
        """See :class:`Receiver`."""
        self.wire.close(status, reason)

    def all_has_arrived(self) -> bool:
        """See :class:`Receiver`."""
        return self.wire.all_has_arrived()

    def is_in(self, project_id: str) -> bool:
        """Whether it is a connection to this project."""
        return self._project is not None and self._project.hub.project_id == project_id

    def _is_counted(self, inputs: Inputs) -> bool:
        """Count the connection; False if it is one too many, and refused."""
        try:
            self._address = self.services.open_connections.enter(inputs.network)
        except MessageError as error:
            self._refuse(error)
            return False
        return True

    async def _set_up(self, inputs: Inputs, last_event: str | None) -> None:
        settings = self.services.settings
        try:
            async with asyncio.timeout(settings.realtime_handshake_seconds), self.services.setting_up:
                if self.wire.is_open():
                    since = stream_start(inputs, last_event) if last_event is not None else None
                    await self._be_admitted(inputs, since)
        except MessageError as error:
            self._refuse(error)
        except TimeoutError:
            self._refuse(
                MessageError(
                    TOO_MUCH,
                    "Too many clients connect just now; try again later.",
                    limit="handshakes at once",
                )
            )
        except StoreError:
            self._refuse(MessageError(TOO_MUCH, project_unavailable().message))  # the store has logged why
        except Exception as error:
            if is_unanswered(error):
                self._refuse(MessageError(TOO_MUCH, UNANSWERED))
            else:
                _log.exception("realtime handshake failed", project=inputs.project_id)
                self._refuse(MessageError(INTERNAL, "The server failed to set the connection up."))
        await self.work_off()

    async def _be_admitted(self, inputs: Inputs, since: Since | None) -> None:
        """Check everything in its order, and greet the client. Raises :class:`MessageError`."""
        services = self.services
        instance = services.instance
        store = await instance.project(inputs.project_id)
        if store is None:
            raise MessageError(POLICY_VIOLATION, UNKNOWN_PROJECT, explanation="There is no such project.")
        if not self.wire.is_open():
            return
        project = self._project = services.projects.open(store)
        hub = project.hub
        hub.opened()
        if hub.connections > services.settings.realtime_max_connections_per_project:
            raise MessageError(
                TOO_MUCH,
                "The project has as many connections as it may have; try again later.",
                limit="connections of a project",
            )
        await project.feed.follow()
        changed = {""}
        while changed:
            # A visitor whose roles change meanwhile is looked up again.
            with hub.roles.look_up() as changes:
                visitor = await sign_in(instance, store, hub, inputs)
                console = await instance.project(CONSOLE) if visitor.admin else None
            changed = changes & visitor.user_ids
        if not self.wire.is_open():
            return
        self._signed_in(visitor, store.project)
        self._impersonated = visitor.impersonator is not None
        self.number = next(services.numbers)
        home = (console or store).project
        connected, starts = services.admission.admit(hub, self, visitor, inputs, home, since)
        recovered = all(start.recovered for start in starts) if since is not None else None
        progress = hub.progress
        begins = _position(progress.epoch, progress.received) if recovered is None else ""
        self.wire.send_text(connected, position=begins)
        if recovered is not None:
            self._tell_recovered(project, recovered)
        if visitor.admin:
            services.admins.admit(self, inputs)
        if hub.console is not None:
            await hub.console.review()

    def _signed_in(self, visitor: Visitor, project: Project) -> None:
        """Check what is asked for besides of a visitor of this protocol. Raises :class:`MessageError`."""

    def _tell_recovered(self, project: ProjectRealtime, recovered: bool) -> None:
        """Tell a client that said where it was whether what it missed is sent now."""
        place = project.hub.progress.position
        rows = [
            {
                "subscriptionId": each.id,
                "channels": each.channels,
                "queries": [normal_form(query) for query in each.queries],
                "recovered": recovered,
                **place,
            }
            for each in self.subscriptions.values()
        ]
        self.tell(frames.subscribed(rows, place))
        if not recovered:
            self.wire.tell_position(self.reached())

    def _refuse(self, error: MessageError) -> None:
        self.tell_limit(error)
        self.wire.refuse(error)


def _position(epoch: str, offset: int) -> str:
    """A position in an event log as the ``id`` of an event names it; empty without a log."""
    return f"{epoch}:{offset}" if epoch else ""
