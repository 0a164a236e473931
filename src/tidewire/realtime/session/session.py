"""The session of one client: admitted, then answered, message after message in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

import structlog
from websockets.http11 import Request

from tidewire.core.realtime_queries import normal_form
from tidewire.identity.heads import trusted_hops
from tidewire.realtime.project.project import ProjectRealtime
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.event_stream import stream_start
from tidewire.realtime.protocol.messages import (
    INTERNAL,
    INVALID_FORMAT,
    POLICY_VIOLATION,
    TOO_MUCH,
    UNKNOWN_PROJECT,
    Authenticate,
    Message,
    MessageError,
    Ping,
    Publish,
    SetPresence,
    Since,
    Subscribe,
)
from tidewire.realtime.protocol.request import CONSOLE, Inputs, read_inputs
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.session.conversation import authenticate, known_to, respond, subscribe_in_slices
from tidewire.realtime.session.message_reader import LongText, MessageReader
from tidewire.realtime.session.publishing import publish
from tidewire.realtime.session.services import Services
from tidewire.realtime.session.sign_in import sign_in
from tidewire.realtime.wire.contract import Wire
from tidewire.store.engine.failures import is_unanswered
from tidewire.store.errors import StoreError
from tidewire.store.records.projects import project_unavailable


@dataclass(frozen=True, slots=True)
class LookUp:
    """A message that the database has to be asked about, or whose answer takes long to make."""

    message: Subscribe


LENGTHY: Final = (Authenticate, SetPresence, Publish, LookUp, LongText)
"""Messages that need the database, or take long."""
MAX_BACKLOG: Final = 16
"""Messages that wait while an earlier one is handled; beyond it the socket is not read any more."""

CLOSED_FOR: Final = {
    "flood": "frames of a connection",
    "slow": "bytes queued for a connection",
    "too_large": "bytes of a message",
    "unfinished": "unfinished messages",
}
"""Reasons of closes that are limits, and of what."""

_UNANSWERED: Final = "The database cannot answer just now; try again."

_log: Final = structlog.get_logger(__name__)


class Session(MessageReader):
    """The session of one connection, from its opening request to its end."""

    __slots__ = ("_address", "_backlog", "_impersonated", "_project")

    def __init__(self, services: Services, wire: Wire) -> None:
        super().__init__(services, wire)
        self._address: str | None = None
        """Where the client comes from, while the connection counts as open."""
        self._project: ProjectRealtime | None = None
        """Set from the time that the project is known until the connection ends."""
        self._backlog: deque[Message | MessageError | LookUp | LongText] | None = deque()
        """What waits until an earlier message is done with; None: the next one is handled at once."""
        self._impersonated = False
        """Whether another user acts as the user of the connection."""

    def opened(self, request: Request, last_event: str | None = None) -> None:
        """Find out who it is, while messages wait."""
        inputs = read_inputs(request, self.wire.peer, trusted_hops(self.services.settings))
        try:
            self._address = self.services.open_connections.enter(inputs.network)
        except MessageError as error:
            self._refuse(error)
        else:
            self.services.tasks.run(self._set_up(inputs, last_event))

    def received(self, text: str) -> None:
        """Note what the message shows of a page, and answer it when it is its turn."""
        if self.page is not None and self._project is not None:
            self._project.hub.acknowledgements.shown(self)
        super().received(text)

    def handle(self, message: Message | MessageError | LongText) -> None:
        """Answer a message, or keep it until it is its turn."""
        if isinstance(message, Ping) and not self.roles:
            # Some SDKs send one before they are admitted.
            self.tell(frames.PONG)
        elif self._backlog is not None:
            self._backlog.append(message)
            self.wire.read_on()
        elif isinstance(message, LENGTHY):
            self._backlog = deque((message,))
            self.services.tasks.run(self._work_off())
        else:
            self._answer(message)

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

    @property
    def is_overloaded(self) -> bool:
        """See :class:`WireUser`."""
        waiting = self._backlog
        if not waiting:
            return False
        long = sum(len(each.text) for each in waiting if isinstance(each, LongText))
        return len(waiting) > MAX_BACKLOG or long > self.services.settings.realtime_max_message_bytes

    @property
    def has_api_key(self) -> bool:
        """Whether an API key was shown."""
        api_keys = self._project.hub.api_keys if self._project is not None else None
        return api_keys is not None and api_keys.key_of(self) is not None

    def refused(self, error: MessageError) -> None:
        """Count a message that was refused, in whole or in part, and say so in the log now and then."""
        super().refused(error)
        self.services.meters.refused[str(error.code)] += 1
        self._tell_limit(error)
        assert self.refusals is not None
        count = self.refusals.number
        if count.bit_count() == 1:  # the first, then ever fewer: a client may go on for hours
            project = self._project.hub.project_id if self._project is not None else ""
            _log.info("messages refused", connection=self.id, project=project, count=count, code=error.code)

    def _tell_limit(self, error: MessageError) -> None:
        if error.limit:
            project = self._project.hub.project_id if self._project is not None else ""
            self.services.limits_reached.tell(
                error.limit, address=self.origin, project=project, reason=error.message
            )

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
                self._refuse(MessageError(TOO_MUCH, _UNANSWERED))
            else:
                _log.exception("realtime handshake failed", project=inputs.project_id)
                self._refuse(MessageError(INTERNAL, "The server failed to set the connection up."))
        await self._work_off()

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
        self._tell_limit(error)
        self.wire.refuse(error)

    async def _work_off(self) -> None:
        """Handle what waits, and what comes to wait meanwhile."""
        while self._backlog:
            message = self._backlog.popleft()
            if isinstance(message, LENGTHY):
                await self._take_time(message)
            else:
                self._answer(message)
        self._backlog = None
        self.wire.read_on()

    async def _take_time(self, message: Authenticate | SetPresence | Publish | LookUp | LongText) -> None:
        """Answer a message that needs the database, or is long."""
        if isinstance(message, LongText):
            admitted = await self.admit_later(message.text)
            if isinstance(admitted, LENGTHY):
                await self._take_time(admitted)
            elif admitted is not None:
                self._answer(admitted)
            return
        project = self._project
        assert project is not None
        try:
            if isinstance(message, SetPresence):
                self.tell(frames.presence(await project.presences.set(self, message)))
            elif isinstance(message, LookUp):
                await self._subscribe(project, message.message)
            elif isinstance(message, Publish):
                channels = self.services.channels
                self.tell(await publish(channels, project.database, project.hub, self, message))
            elif self._impersonated:
                raise MessageError(INVALID_FORMAT, "An impersonated connection cannot log in.")
            else:
                self.tell(await authenticate(project.hub, self, message))
        except MessageError as error:
            self.count(isinstance(message, Publish))
            self._report(error)
        except Exception as error:
            if is_unanswered(error):
                self._report(MessageError(TOO_MUCH, _UNANSWERED))
                if isinstance(message, Authenticate | LookUp):
                    # SDKs send these once, but again when they come back.
                    self.close(CloseStatus.TRY_LATER)
                return
            _log.exception("realtime message failed", connection=self.id, project=project.hub.project_id)
            self._report(MessageError(INTERNAL, "The server failed to do what the message asks for."))

    async def _subscribe(self, project: ProjectRealtime, message: Subscribe) -> None:
        """Answer a ``subscribe`` that takes a while, before anything that happens meanwhile."""
        wire = self.wire
        earlier, answer = wire.keep_back(), list[bytes]()
        try:
            answer = await subscribe_in_slices(project.hub, self, message, self.services.reading.turn)
        finally:
            wire.go_ahead(earlier, answer)

    def _answer(self, message: Message | MessageError) -> None:
        if isinstance(message, MessageError):
            self._report(message)
        elif self._project is not None:
            assert not isinstance(message, LENGTHY)
            hub = self._project.hub
            try:
                known = known_to(hub, self, message)
                if known is None:
                    assert isinstance(message, Subscribe)
                    self._answer_later(message)
                else:
                    self.wire.send_text(*respond(hub, self, message, known))
            except MessageError as error:
                self._report(error)

    def _answer_later(self, message: Subscribe) -> None:
        """Answer with time for it, and let what comes meanwhile wait."""
        waiting = self._backlog is not None
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.appendleft(LookUp(message))
        if not waiting:
            self.services.tasks.run(self._work_off())

    def _report(self, error: MessageError) -> None:
        self.refused(error)
        self.tell(frames.error(error.code, error.message, error.kind, error.explanation))
        if error.code == POLICY_VIOLATION:
            self.close(CloseStatus.REFUSED)


def _position(epoch: str, offset: int) -> str:
    """A position in an event log as the ``id`` of an event names it; empty without a log."""
    return f"{epoch}:{offset}" if epoch else ""
