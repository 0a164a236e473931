"""One realtime client: let in, then answered, frame after frame in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from websockets.http11 import Request

from tidewire.identity.heads import trusted_hops
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.protocol import frames
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
    Subscribe,
)
from tidewire.realtime.protocol.request import CONSOLE, Inputs, read_inputs
from tidewire.realtime.protocol.states import CloseStatus, State
from tidewire.realtime.session.conversation import authenticate, known_to, respond, subscribe_in_slices
from tidewire.realtime.session.sign_in import sign_in
from tidewire.realtime.wire.message_intake import Intake, LongText
from tidewire.store.errors import StoreError, is_unanswered
from tidewire.store.records.projects import project_unavailable

if TYPE_CHECKING:
    from tidewire.realtime.engine import Realtime


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


class Connection(Intake):
    """One realtime connection, from its upgrade to its end."""

    __slots__ = (
        "_address",
        "_backlog",
        "_hub",
        "_impersonated",
        "_realtime",
    )

    def __init__(self, realtime: Realtime, siblings: set[Any]) -> None:
        super().__init__(realtime.settings, siblings, realtime.flow)
        self._realtime = realtime
        self._address: str | None = None
        """Where it comes from, while it counts as open."""
        self._hub: Hub | None = None
        """Of the project, from the time that it is known until the connection ends."""
        self._backlog: deque[Message | MessageError | LookUp | LongText] | None = deque()
        """What waits until an earlier message is done with; None: the next one is handled at once."""
        self._impersonated = False
        """Its user is another's disguise."""

    def opened(self, request: Request) -> None:
        """Find out who it is, while messages wait."""
        peer = self.transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        inputs = read_inputs(request, address, trusted_hops(self._settings))
        try:
            self._address = self._realtime.open_connections.enter(inputs.network)
        except MessageError as error:
            self._refuse(error)
        else:
            self._realtime.run(self._set_up(inputs))

    def received(self, text: str) -> None:
        """A message came: count what it shows, and answer it when it is its turn."""
        if self.page is not None and self._hub is not None:
            self._hub.acknowledgements.shown(self)
        super().received(text)

    def handle(self, message: Message | MessageError | LongText) -> None:
        """Answer a message, or keep it until it is its turn."""
        if isinstance(message, Ping) and not self.roles:
            # Some SDKs send one before they are let in.
            self.send(frames.PONG)
        elif self._backlog is not None:
            self._backlog.append(message)
            self.read_on()
        elif isinstance(message, LENGTHY):
            self._backlog = deque((message,))
            self._realtime.run(self._work_off())
        else:
            self._answer(message)

    def ping(self) -> None:
        """Ask for a sign of life and an acknowledgement, unless that is waited for already."""
        if self._hub is None:
            self.send(frames.PING)
        elif not self.asked:
            self.send(self._hub.acknowledgements.ping(self) or frames.PING)

    def pong(self, payload: bytes) -> None:
        """Take an acknowledgement."""
        if self._hub is not None:
            self._hub.acknowledgements.answered(self, payload)

    def ended(self) -> None:
        """Leave the hub."""
        self._backlog = None
        self.forget_delayed()
        if self._hub is not None:
            self._realtime.admins.forget(self)
            self._realtime.release(self._hub, self)
            if self._hub.recovery is not None:
                self._hub.recovery.lose(self)
            self._hub.leave(self)
            self._hub.connections -= 1
            self._hub = None
        if self._address is not None:
            self._realtime.open_connections.leave(self._address)
            self._address = None

    @property
    def id(self) -> str:
        """Names the connection in logs and in answers, unlike any other ever."""
        return f"{self._realtime.process.id}-{self.number}"

    @property
    def origin(self) -> str:
        """The address that it comes from, while it counts as open."""
        return self._address or ""

    def close(self, status: CloseStatus, reason: str = "") -> None:
        """Close, and count why."""
        if self.state is State.OPEN:
            self._count_close(reason or status.name.lower())
        super().close(status)

    def is_in(self, hub: Hub) -> bool:
        """Whether it is one of this hub's connections."""
        return self._hub is hub

    @property
    def is_overloaded(self) -> bool:
        """Whether nothing more is to be read for now."""
        waiting = self._backlog
        if super().is_overloaded or not waiting:
            return super().is_overloaded
        long = sum(len(each.text) for each in waiting if isinstance(each, LongText))
        return len(waiting) > MAX_BACKLOG or long > self._settings.realtime_max_message_bytes

    @property
    def is_program(self) -> bool:
        """Whether an API key was shown."""
        programs = self._hub.programs if self._hub is not None else None
        return programs is not None and programs.key_of(self) is not None

    def refused(self, error: MessageError) -> None:
        """Count a message that was refused, in whole or in part, and say so in the log now and then."""
        super().refused(error)
        self._realtime.meters.refused[str(error.code)] += 1
        self._tell_limit(error)
        assert self.refusals is not None
        count = self.refusals.number
        if count.bit_count() == 1:  # the first, then ever fewer: a client may go on for hours
            project = self._hub.project_id if self._hub is not None else ""
            _log.info("messages refused", connection=self.id, project=project, count=count, code=error.code)

    def _rest(self, now: float) -> None:
        super()._rest(now)
        if self.state is State.OPEN:
            self._realtime.reached.tell(CLOSED_FOR["flood"], address=self.origin)

    def _rest_with_others(self, ahead: float) -> None:
        super()._rest_with_others(ahead)
        self._realtime.reached.tell("frames of an address", address=self.origin)

    def _tell_limit(self, error: MessageError) -> None:
        if error.limit:
            project = self._hub.project_id if self._hub is not None else ""
            self._realtime.reached.tell(
                error.limit, address=self.origin, project=project, reason=error.message
            )

    def _count_close(self, reason: str) -> None:
        self._realtime.meters.closes[reason] += 1
        if reason in CLOSED_FOR:
            self._realtime.reached.tell(CLOSED_FOR[reason], address=self.origin)

    def _finish(self, *, answered: bool, too_large: bool) -> None:
        if too_large:
            self._count_close("too_large")
        elif not answered:
            self._count_close("protocol")
        super()._finish(answered=answered, too_large=too_large)

    async def _set_up(self, inputs: Inputs) -> None:
        try:
            async with asyncio.timeout(self._settings.realtime_handshake_seconds), self._realtime.setting_up:
                if self.state is State.OPEN:
                    await self._be_admitted(inputs)
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

    async def _be_admitted(self, inputs: Inputs) -> None:
        store = await self._realtime.stores.project(inputs.project_id)
        if store is None:
            raise MessageError(POLICY_VIOLATION, UNKNOWN_PROJECT, explanation="There is no such project.")
        if self.state is not State.OPEN:
            return
        room = self._realtime.room(store)
        hub = self._hub = room.hub
        hub.connections += 1
        if hub.connections > self._settings.realtime_max_connections_per_project:
            raise MessageError(
                TOO_MUCH,
                "The project has as many connections as it may have; try again later.",
                limit="connections of a project",
            )
        await room.feed.follow()
        stores = self._realtime.stores
        changed = {""}
        while changed:
            # Whose roles change meanwhile is looked up again.
            with hub.roles.look_up() as changes:
                visitor = await sign_in(stores, store, hub, inputs)
                console = await stores.project(CONSOLE) if visitor.admin else None
            changed = changes & {visitor.user_id}
        if self.state is State.OPEN:
            self._impersonated = visitor.impersonated
            self.number = next(self._realtime.numbers)
            home = (console or store).project
            self.send(self._realtime.doorkeeper.admit(hub, self, visitor, inputs, home))
            if visitor.admin:
                self._realtime.admins.admit(self, inputs)
            if hub.console is not None:
                await hub.console.review()

    def _refuse(self, error: MessageError) -> None:
        self._tell_limit(error)
        self.send(frames.error(error.code, error.message, error.kind, error.explanation))
        if error.code == INTERNAL:
            self.close(CloseStatus.INTERNAL_ERROR)
        else:
            self.close(CloseStatus.TRY_LATER if error.code == TOO_MUCH else CloseStatus.REFUSED)

    async def _work_off(self) -> None:
        """Handle what waits, and what comes to wait meanwhile."""
        while self._backlog:
            message = self._backlog.popleft()
            if isinstance(message, LENGTHY):
                await self._take_time(message)
            else:
                self._answer(message)
        self._backlog = None
        self.read_on()

    async def _take_time(self, message: Authenticate | SetPresence | Publish | LookUp | LongText) -> None:
        """Answer a message that needs the database, or is long."""
        assert self._hub is not None
        if isinstance(message, LongText):
            admitted = await self.admit_later(message.text)
            if isinstance(admitted, LENGTHY):
                await self._take_time(admitted)
            elif admitted is not None:
                self._answer(admitted)
            return
        try:
            if isinstance(message, SetPresence):
                self.send(frames.presence(await self._realtime.set_presence(self._hub, self, message)))
            elif isinstance(message, LookUp):
                await self._subscribe(self._hub, message.message)
            elif isinstance(message, Publish):
                self.send(await self._realtime.publish(self._hub, self, self._address or "", message))
            elif self._impersonated:
                raise MessageError(INVALID_FORMAT, "An impersonated connection cannot log in.")
            else:
                self.send(await authenticate(self._hub, self, message))
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
            _log.exception("realtime message failed", connection=self.id, project=self._hub.project_id)
            self._report(MessageError(INTERNAL, "The server failed to do what the message asks for."))

    async def _subscribe(self, hub: Hub, message: Subscribe) -> None:
        """Answer a ``subscribe`` that takes a while, before anything that happens meanwhile."""
        earlier, answer = self.keep_back(), b""
        try:
            answer = await subscribe_in_slices(hub, self, message, self._realtime.flow.reading.turn)
        finally:
            self.go_ahead(earlier, answer)

    def _answer(self, message: Message | MessageError) -> None:
        if isinstance(message, MessageError):
            self._report(message)
        elif self._hub is not None:
            assert not isinstance(message, LENGTHY)
            try:
                known = known_to(self._hub, self, message)
                if known is None:
                    assert isinstance(message, Subscribe)
                    self._answer_later(message)
                else:
                    self.send(respond(self._hub, self, message, known))
            except MessageError as error:
                self._report(error)

    def _answer_later(self, message: Subscribe) -> None:
        """Answer with time for it, and let what comes meanwhile wait."""
        waiting = self._backlog is not None
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.appendleft(LookUp(message))
        if not waiting:
            self._realtime.run(self._work_off())

    def _report(self, error: MessageError) -> None:
        self.refused(error)
        self.send(frames.error(error.code, error.message, error.kind, error.explanation))
        if error.code == POLICY_VIOLATION:
            self.close(CloseStatus.REFUSED)
