"""Events, and all else that is sent, in the protocol of GraphQL over WebSocket: ``graphql-transport-ws``.

An event is told to a subscription by a message ``next``, which holds what the subscription selects of it. For
each selection that message is made once for all subscriptions that share it. Only the id of the operation
differs between them, and it stands last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

import msgspec

from tidewire.core.errors import ERROR_CODES
from tidewire.core.events import LoggedEvent
from tidewire.core.models import Account
from tidewire.core.time import format_datetime
from tidewire.realtime.protocol.answers import Answers
from tidewire.realtime.protocol.errors import (
    INTERNAL,
    INVALID_FORMAT,
    NOT_A_FRAME,
    POLICY_VIOLATION,
    TOO_MUCH,
    MessageError,
)
from tidewire.realtime.protocol.event_frames import EventFrame, Form
from tidewire.realtime.protocol.framing import Framing

_encode: Final = msgspec.json.Encoder().encode


Piece = bytes | str
"""A piece of JSON: text as it is, or the name of a field whose value stands there."""

_TYPES: Final[Mapping[int, tuple[int, str]]] = {
    NOT_A_FRAME: (400, "realtime_message_format_invalid"),
    INVALID_FORMAT: (400, "realtime_message_format_invalid"),
    POLICY_VIOLATION: (403, "realtime_policy_violation"),
    TOO_MUCH: (429, "realtime_too_many_messages"),
    INTERNAL: (500, "general_unknown"),
}
"""Codes of Appwrite's realtime to how REST would say them."""


class EventText:
    """What a subscription selects of an event: JSON with places for the values of fields.

    Subscriptions that select the same share one object, by which they are known to.
    """

    __slots__ = ("__weakref__", "_pieces")

    def __init__(self, pieces: Sequence[Piece]) -> None:
        """``pieces``: of the value of ``data`` in the answer, in their order."""
        self._pieces = pieces

    @staticmethod
    def of(pieces: Sequence[Piece]) -> EventText:
        """The one object with these pieces."""
        key = tuple(pieces)
        text = _known.get(key)
        if text is None:
            text = _known[key] = EventText(key)
        return text

    def framing(self, logged: LoggedEvent) -> Framing:
        """See :class:`tidewire.realtime.protocol.event_frames.TextOfEvent`."""
        event = logged.event
        values = {
            "events": _encode(event.names),
            "channels": _encode(event.channels),
            "timestamp": b'"%b"' % format_datetime(event.timestamp).encode(),
            "payload": event.payload,
            "offset": b"%d" % logged.offset if logged.offset else b"null",
        }
        pieces = [values[each] if isinstance(each, str) else each for each in self._pieces]
        return Framing(b'{"type":"next","payload":{"data":%b},"id":' % b"".join(pieces), b"}")


_known: Final[WeakValueDictionary[tuple[Piece, ...], EventText]] = WeakValueDictionary()


class Selected(NamedTuple):
    """The form of the frames of one subscription; the tail is the id of the operation, as JSON."""

    text: EventText
    window: int
    """The window that the connection inflates with; 0: nothing is compressed."""

    def around(self, frame: EventFrame, length: int) -> tuple[bytes, bytes]:
        """See :class:`tidewire.realtime.protocol.event_frames.OtherForm`."""
        return frame.told_in(self.text).framed(length, self.window)


class Several:
    """The form of an event that several subscriptions of a connection get: their messages, one by one."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[tuple[bytes, Form]]) -> None:
        """``parts``: the tail and the form of each message. That of all of them is empty."""
        self._parts = parts

    def around(self, frame: EventFrame, length: int) -> tuple[bytes, bytes]:  # noqa: ARG002 - there is no tail
        """See :class:`tidewire.realtime.protocol.event_frames.OtherForm`."""
        return b"".join([frame.message(tail, form) for tail, form in self._parts]), b""


class GraphQLAnswers(Answers):
    """Answers in the protocol of GraphQL; that something was done is not told."""

    def connected(
        self,
        channels: Sequence[str],  # noqa: ARG002 - the names of the contract
        subscriptions: Mapping[str, str] | None,  # noqa: ARG002
        account: Account | None,
        position: Mapping[str, Any],
    ) -> bytes:
        """See :class:`Answers`. The position is that after which events come without ``since``."""
        return _encode({"type": "connection_ack", "payload": {"user": account, **position}})

    def subscribed(
        self,
        subscriptions: Sequence[Mapping[str, Any]],  # noqa: ARG002
        position: Mapping[str, Any],  # noqa: ARG002
    ) -> list[bytes]:
        """See :class:`Answers`."""
        return []

    def unsubscribed(self, results: Iterable[tuple[str, bool]]) -> list[bytes]:  # noqa: ARG002
        """See :class:`Answers`."""
        return []


def operation_failed(operation_id: str, errors: Sequence[Mapping[str, Any]]) -> bytes:
    """The message ``error``, which ends an operation."""
    return _encode({"type": "error", "id": operation_id, "payload": errors})


def error_of(error: MessageError) -> dict[str, Any]:
    """An error as GraphQL tells it; ``extensions`` have its code and type as REST would give them."""
    code, kind = _TYPES.get(error.code, (error.code, error.kind))
    if error.kind:
        code, kind = ERROR_CODES.get(error.kind, code), error.kind
    return {"message": error.explanation or error.message, "extensions": {"code": code, "type": kind}}
