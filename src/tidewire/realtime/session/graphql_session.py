"""The session of a client that speaks the protocol of GraphQL over WebSocket: ``graphql-transport-ws``.

Its subscriptions are those of Appwrite's protocol, made in the same way, under the same limits. What differs
is the words: who it is stands in the message ``connection_init``, and each subscription is an operation,
whose document selects what is told of an event. Reading documents takes longer than other messages, so that
they are read in turns like those that are long.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import msgspec
import structlog
from websockets.http11 import Request

from tidewire.core.ids import is_id, unique_id
from tidewire.core.json_bounds import containers_in
from tidewire.core.live_tail import tail_of
from tidewire.core.realtime_queries import InvalidRealtimeQueryError, parse_realtime_queries
from tidewire.identity.heads import trusted_hops
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.answers import Answers
from tidewire.realtime.protocol.errors import (
    INTERNAL,
    INVALID_FORMAT,
    NOT_A_FRAME,
    POLICY_VIOLATION,
    TOO_MUCH,
    UNAUTHORIZED,
    MessageError,
)
from tidewire.realtime.protocol.event_frames import Form, window_of
from tidewire.realtime.protocol.graphql_frames import (
    GraphQLAnswers,
    Selected,
    Several,
    error_of,
    operation_failed,
)
from tidewire.realtime.protocol.graphql_messages import (
    Begin,
    Complete,
    EventsWanted,
    GraphQLMessage,
    Init,
    OperationError,
    PingMessage,
    PongMessage,
    parse_graphql_message,
)
from tidewire.realtime.protocol.messages import Message, Subscribe, SubscribeRow, Unsubscribe
from tidewire.realtime.protocol.request import Inputs, read_inputs
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.recovery.positions import GUEST_ID_LENGTH
from tidewire.realtime.session.message_reader import SHORT_TEXT, LongText
from tidewire.realtime.session.services import Services
from tidewire.realtime.session.session import Session
from tidewire.realtime.session.sign_in import Visitor
from tidewire.realtime.wire.budgets import CONTAINERS_A_UNIT
from tidewire.realtime.wire.contract import Wire
from tidewire.store.instance.instance import Project

KNOWN_UNITS: Final = 10
"""What an operation costs that was read before, in the units of budgets."""
NEW_UNITS: Final = 100
"""What one costs that is new."""

_STATUSES: Final = {
    NOT_A_FRAME: CloseStatus.BAD_MESSAGE,
    INVALID_FORMAT: CloseStatus.BAD_MESSAGE,
    POLICY_VIOLATION: CloseStatus.FORBIDDEN,
    UNAUTHORIZED: CloseStatus.UNAUTHORIZED,
    403: CloseStatus.FORBIDDEN,
    TOO_MUCH: CloseStatus.TRY_LATER,
    INTERNAL: CloseStatus.TRY_LATER,
}
"""Codes of errors to what a connection is closed with. After :attr:`CloseStatus.TRY_LATER` clients come
back."""
_REASON_BYTES: Final = 123
"""The most bytes of text in a close frame (RFC 6455, section 5.5)."""

_log: Final = structlog.get_logger(__name__)


class _Operation:
    """An operation of the client that has not ended."""

    __slots__ = ("form", "id", "tail")

    def __init__(self, operation_id: str) -> None:
        self.id = operation_id
        self.tail = msgspec.json.encode(operation_id)
        self.form: Form = 0
        """The form of its events, once its document is read."""


@dataclass(frozen=True, slots=True)
class _Begun(LongText):
    """An operation whose document waits to be read."""

    begin: Begin
    name: str


class GraphQLSession(Session):
    """The session of one connection, from its opening request to its end."""

    __slots__ = ("_ids", "_init", "_operations", "_shown")

    words: ClassVar[Answers] = GraphQLAnswers()

    def __init__(self, services: Services, wire: Wire) -> None:
        super().__init__(services, wire)
        self._shown = ""
        """The credential that the client has shown in ``connection_init``; empty: none."""
        self._init: tuple[Request, asyncio.TimerHandle] | None = None
        """The opening request, and what closes the connection, until ``connection_init`` comes."""
        self._operations: dict[str, _Operation] = {}
        """Operations by the names that they have as subscriptions."""
        self._ids: dict[str, str] = {}
        """The ids that are in use, with these names."""

    def opened(self, request: Request, last_event: str | None = None) -> None:  # noqa: ARG002 - no event stream
        """Wait until the client says who it is."""
        if self._is_counted(self._inputs(request, Init())):
            seconds = self.services.settings.graphql_init_seconds
            late = asyncio.get_running_loop().call_later(seconds, self._close_late)
            self._init = request, late

    def received(self, text: str) -> None:
        """Take a message; those that begin operations are read when it is their turn."""
        if len(text) > SHORT_TEXT:
            self.wire.spend(containers_in(text) / CONTAINERS_A_UNIT)
        if self._is_too_large(text):
            self.close(CloseStatus.TOO_LARGE)
            return
        try:
            self._take(parse_graphql_message(text), text)
        except MessageError as error:
            self._report(error.anew())

    def address(self, subscription_ids: list[str]) -> tuple[bytes, Form]:  # type: ignore[override]
        """See :class:`tidewire.realtime.receivers.receiver.Receiver`."""
        parts = [(each.tail, each.form) for each in map(self._operations.__getitem__, subscription_ids)]
        return parts[0] if len(parts) == 1 else (b"", Several(parts))

    def tell(self, text: bytes) -> None:
        """See :class:`Receiver`: what only Appwrite's protocol has words for is not told."""

    def ended(self) -> None:
        """See :class:`WireUser`."""
        if self._init is not None:
            self._init[1].cancel()
            self._init = None
        super().ended()

    async def admit_later(self, long: LongText) -> Message | MessageError | None:
        """Read a document whose turn it is; then as :meth:`admitted`."""
        assert isinstance(long, _Begun)
        self._not_parsed -= 1
        name = long.name
        await self.services.reading.turn()
        try:
            row, form = await self._read(long)
        except OperationError as error:
            self._end_operation(name, error)
        except MessageError as error:
            return _about(name, error)
        except Exception:
            _log.exception("operation not read", connection=self.id)
            return _about(name, MessageError(INTERNAL, "The server failed to read the operation."))
        else:
            if self.wire.is_open():
                self._operations[name].form = form
                admitted = self.admitted(Subscribe([row], len(long.text)), long.text)
                return _about(name, admitted) if isinstance(admitted, MessageError) else admitted
        return None

    def _take(self, message: GraphQLMessage, text: str) -> None:
        if isinstance(message, PingMessage):
            self.wire.send_text(frames.PONG)
        elif isinstance(message, Init):
            self._begin_setting_up(message)
        elif isinstance(message, PongMessage):
            pass
        elif not self.number:
            early = "Send connection_init, and wait for connection_ack."
            self._close(CloseStatus.UNAUTHORIZED, early)
        elif isinstance(message, Begin):
            self._begin(message, text)
        elif isinstance(message, Complete) and message.id in self._ids:
            removal = self.admitted(Unsubscribe([self._ids.pop(message.id)]), text)
            if removal is not None:
                self.handle(removal)

    def _begin_setting_up(self, message: Init) -> None:
        if self._init is None:
            self._close(CloseStatus.INIT_TWICE, "Too many initialisation requests")
            return
        (request, late), self._init = self._init, None
        late.cancel()
        # What the URL subscribes to in Appwrite's protocol means nothing in this one.
        inputs = replace(self._inputs(request, message), parameters={})
        self._shown = next((each for each in ("key", "session", "jwt") if each in message.said()), "")
        self.services.tasks.run(self._set_up(inputs, None))

    def _begin(self, message: Begin, text: str) -> None:
        if message.id in self._ids:
            self._close(CloseStatus.ID_IN_USE, f"Subscriber for {message.id} already exists")
            return
        # Under an id that no other client has by accident it is known again when the client comes back.
        known = len(message.id) >= GUEST_ID_LENGTH and is_id(message.id)
        name = message.id if known and message.id not in self._operations else unique_id()
        self._ids[message.id] = name
        self._operations[name] = _Operation(message.id)
        self._not_parsed += 1
        self.handle(_Begun(text, message, name))

    async def _read(self, begun: _Begun) -> tuple[SubscribeRow, Form]:
        """The subscription that an operation asks for, and the form of its events."""
        documents, operation = self.services.documents, begun.begin.payload
        assert documents is not None
        self.wire.spend(KNOWN_UNITS if documents.is_known(operation) else NEW_UNITS)
        wanted = await documents.events_wanted(operation)
        return self._row(begun.name, wanted), Selected(wanted.text, window_of(self.form))

    def _row(self, name: str, wanted: EventsWanted) -> SubscribeRow:
        if not wanted.channels:
            raise MessageError(INVALID_FORMAT, 'Name at least one channel: channels: ["files"].')
        if any(map(tail_of, wanted.channels)):
            raise MessageError(POLICY_VIOLATION, "The live tail is open to Appwrite's protocol only.")
        try:
            queries = parse_realtime_queries(wanted.queries, extended=self.services.terms.extended_queries)
        except InvalidRealtimeQueryError as error:
            raise MessageError(INVALID_FORMAT, f"Invalid query: {error}") from None
        return SubscribeRow(name, wanted.channels, queries, wanted.since, complete=True)

    def _answer(self, message: Message | MessageError) -> None:
        super()._answer(message)
        if isinstance(message, Unsubscribe):
            for name in message.ids:
                self._operations.pop(name, None)

    def _report(self, error: MessageError) -> None:
        self.refused(error)
        if error.about:
            self._end_operation(error.about, OperationError([error_of(error)]))
        else:
            self._close(_STATUSES.get(error.code, CloseStatus.BAD_MESSAGE), error.message)

    def _refuse(self, error: MessageError) -> None:
        self.tell_limit(error)
        status = _STATUSES.get(error.code, CloseStatus.FORBIDDEN)
        self._close(status, error.explanation or error.message)

    def _signed_in(self, visitor: Visitor, project: Project) -> None:
        # What was shown on purpose is not passed over, as a cookie is that has become old.
        if self._shown and not (visitor.key if self._shown == "key" else visitor.user_id):
            raise MessageError(UNAUTHORIZED, f"The {self._shown} in connection_init is not valid here.")
        is_open = visitor.admin or visitor.key is not None
        if "graphql" in project.settings.disabled_protocols and not is_open:
            raise MessageError(403, "GraphQL is switched off for this project.")

    def _end_operation(self, name: str, error: OperationError) -> None:
        operation = self._operations.pop(name)
        if self._ids.get(operation.id) == name:  # else the client has ended it already
            del self._ids[operation.id]
            self.wire.send_text(operation_failed(operation.id, error.errors))

    def _inputs(self, request: Request, init: Init) -> Inputs:
        return read_inputs(request, self.wire.peer, trusted_hops(self.services.settings), init.said())

    def _close_late(self) -> None:
        self._close(CloseStatus.INIT_LATE, "Connection initialisation timeout")

    def _close(self, status: CloseStatus, told: str) -> None:
        reason = told.encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore")
        self.wire.close(status, told=reason)


def _about(name: str, error: MessageError) -> MessageError:
    refusal = error.anew()
    refusal.about = name
    return refusal
