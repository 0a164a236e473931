"""Messages from clients in the protocol of GraphQL over WebSocket: ``graphql-transport-ws``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

import msgspec

from tidewire.realtime.protocol.errors import INVALID_FORMAT, MessageError
from tidewire.realtime.protocol.graphql_frames import EventText
from tidewire.realtime.protocol.messages import Since

MAX_ID: Final = 128
"""Characters of the id of an operation."""
SAID: Final = ("project", "jwt", "session", "key", "devKey", "mode")
"""What ``connection_init`` may tell; clients put other things there too, which mean nothing here."""


class Init(msgspec.Struct, tag_field="type", tag="connection_init"):
    """The first message: who the client is."""

    payload: dict[str, Any] | None = None

    def said(self) -> dict[str, str]:
        """What it tells, by the names in :data:`SAID`. Raises :class:`MessageError`."""
        told = {name: value for name, value in (self.payload or {}).items() if name in SAID and value}
        if not all(isinstance(value, str) for value in told.values()):
            raise MessageError(INVALID_FORMAT, f"In the payload {', '.join(SAID)} are texts.")
        return told


class PingMessage(msgspec.Struct, tag_field="type", tag="ping"):
    """Asks for a pong."""


class PongMessage(msgspec.Struct, tag_field="type", tag="pong"):
    """Answers a ping, or shows that the client is there."""


class Operation(msgspec.Struct, rename="camel", frozen=True):
    """An operation as a client sends it."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


class Begin(msgspec.Struct, tag_field="type", tag="subscribe"):
    """Begins an operation: a subscription, a query or a mutation."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
    payload: Operation


class Complete(msgspec.Struct, tag_field="type", tag="complete"):
    """Ends an operation; its id may be one that is not known any more."""

    id: str


GraphQLMessage = Init | PingMessage | PongMessage | Begin | Complete

_decoder: Final = msgspec.json.Decoder(GraphQLMessage)


@dataclass(frozen=True, slots=True)
class EventsWanted:
    """What a subscription asks for."""

    channels: list[str]
    queries: list[str]
    """Queries as clients write them: JSON."""
    since: Since | None
    """The position up to which the client has the events; None: it does not say."""
    text: EventText


class OperationError(Exception):
    """An operation that cannot begin."""

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        """``errors``: as GraphQL tells them."""
        super().__init__()
        self.errors = errors


class Documents(Protocol):
    """Reads documents of GraphQL."""

    def is_known(self, operation: Operation) -> bool:
        """Whether it was read before, so that it costs little."""

    async def events_wanted(self, operation: Operation) -> EventsWanted:
        """What a subscription asks for. Raises :class:`OperationError`."""


def parse_graphql_message(text: str) -> GraphQLMessage:
    """A message of a client. Raises :class:`MessageError`."""
    try:
        message: GraphQLMessage = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
        raise MessageError(INVALID_FORMAT, f"Not a message of graphql-transport-ws: {error}") from None
    if isinstance(message, Begin) and not message.id.isprintable():
        raise MessageError(INVALID_FORMAT, "The id of an operation must consist of printable characters.")
    return message
