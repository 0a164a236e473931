"""Subscriptions: the events of the project's log, as the one field of the root type ``Subscription``.

A subscription is not executed for each event. It is executed once, when it begins, with marks for the values
of the event: the answer shows where each value stands, and realtime puts the values of every event there
(:class:`tidewire.realtime.protocol.graphql_frames.EventText`).
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
    OperationType,
    execute_sync,
    value_from_ast_untyped,
)
from tidewire.graphql.documents import Document, Documents, InvalidDocumentError
from tidewire.graphql.scalars import INT, JSON, input_scalar
from tidewire.realtime.protocol.graphql_frames import EventText
from tidewire.realtime.protocol.graphql_messages import EventsWanted, Operation, OperationError
from tidewire.realtime.protocol.messages import MAX_EPOCH_LENGTH, MAX_OFFSET, Since

MAX_FIELDS: Final = 32
"""Fields that a subscription may select: as often the payload of an event could be sent."""
REMEMBERED: Final = 128
"""Operations that are kept: most clients of a project send the same ones."""
REMEMBERED_BYTES: Final = 4096
"""Bytes of the largest operation that is kept."""

_MARKS: Final = {
    "events": ["\0events"],
    "channels": ["\0channels"],
    "timestamp": "\0timestamp",
    "payload": "\0payload",
    "offset": MAX_OFFSET,
}
"""Values that stand for those of an event, none of which any document can bring into an answer."""
_FIELDS: Final = {msgspec.json.encode(mark): name for name, mark in _MARKS.items()}
_MARK: Final = re.compile(b"(%b)" % b"|".join(map(re.escape, _FIELDS)))
_POSITION: Final = re.compile(r"(\w{1,64}):(\d{1,16})\Z")


def subscription_type() -> GraphQLObjectType:
    """The root type ``Subscription``."""
    texts = GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLString)))
    event = GraphQLObjectType(
        "EventMessage",
        {
            "events": GraphQLField(texts, description="The names of the event."),
            "channels": GraphQLField(texts, description="The channels that it is sent on."),
            "timestamp": GraphQLField(
                GraphQLNonNull(GraphQLString), description="When it happened, in ISO 8601."
            ),
            "payload": GraphQLField(JSON, description="What it is about, as REST gives it."),
            "offset": GraphQLField(
                INT,
                description="Its place in the event log; null if it is not logged, and cannot come again.",
            ),
        },
        description="Something that happened in the project.",
    )
    arguments = {
        "channels": GraphQLArgument(texts, description="Channels, named as in Appwrite's Realtime: `files`."),
        "queries": GraphQLArgument(
            GraphQLList(GraphQLNonNull(GraphQLString)),
            description="Conditions for the payload, as JSON text.",
        ),
        "since": GraphQLArgument(
            _SINCE,
            description="The position up to which the client has the events; later ones are sent first.",
        ),
    }
    field = GraphQLField(
        GraphQLNonNull(event), arguments, _resolve, description="Events that the client may read."
    )
    return GraphQLObjectType("Subscription", {"events": field})


class Subscriptions:
    """Reads documents with subscriptions."""

    def __init__(self, schema: GraphQLSchema, documents: Documents) -> None:
        """``schema``: with :func:`subscription_type`."""
        self._schema = schema
        self._documents = documents
        self._known: dict[bytes, EventsWanted] = {}

    def is_known(self, operation: Operation) -> bool:
        """See :class:`tidewire.realtime.protocol.graphql_messages.Documents`."""
        return _key(operation) in self._known

    async def events_wanted(self, operation: Operation) -> EventsWanted:
        """See :class:`tidewire.realtime.protocol.graphql_messages.Documents`."""
        key = _key(operation)
        known = self._known.get(key)
        if known is not None:
            return known
        try:
            document = await self._documents.document(operation.query)
            wanted = self._wanted(operation, document)
        except InvalidDocumentError as error:
            raise OperationError([_told(each) for each in error.errors]) from None
        except GraphQLError as error:
            raise OperationError([_told(error)]) from None
        if len(key) <= REMEMBERED_BYTES:
            self._known[key] = wanted
            if len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]
        return wanted

    def _wanted(self, operation: Operation, document: Document) -> EventsWanted:
        chosen = document.operation(operation.operation_name or "")
        if chosen.operation is not OperationType.SUBSCRIPTION:
            raise GraphQLError("Queries and mutations are answered over HTTP, by POST to the same address.")
        asked: dict[str, Any] = {}
        result = execute_sync(
            self._schema,
            document.node,
            context_value=asked,
            variable_values=operation.variables,
            operation_name=operation.operation_name,
        )
        if result.errors:
            raise InvalidDocumentError(result.errors)
        pieces = _MARK.split(msgspec.json.encode(result.data))
        if len(pieces) // 2 > MAX_FIELDS:
            raise GraphQLError(f"A subscription may select at most {MAX_FIELDS} fields.")
        text = EventText.of([_FIELDS.get(each, each) for each in pieces])
        return EventsWanted(asked.get("channels", []), asked.get("queries") or [], asked.get("since"), text)


def _key(operation: Operation) -> bytes:
    return msgspec.msgpack.encode(operation)


def _told(error: GraphQLError) -> dict[str, Any]:
    extensions = error.extensions or {"code": 400, "type": "general_argument_invalid"}
    return {"message": error.message.encode(errors="replace").decode(), "extensions": extensions}


def _resolve(_source: Any, info: GraphQLResolveInfo[Any], /, **asked: Any) -> dict[str, Any]:
    """Note what is asked for, and answer with the marks."""
    info.context.update(asked)
    return _MARKS


def _since(value: object) -> Since:
    """A position: an offset, an offset with the epoch of its log, or both as text ``epoch:offset``."""
    offset, epoch = value, ""
    if isinstance(value, dict):
        offset, epoch = value.get("offset"), value.get("epoch", "")
    elif isinstance(value, str):
        found = _POSITION.match(value)
        offset, epoch = (int(found[2]), found[1]) if found else (None, "")
    if type(offset) is not int or not 0 <= offset <= MAX_OFFSET:
        raise GraphQLError("since needs an offset, as events have it, or {offset, epoch}.")
    if not isinstance(epoch, str) or len(epoch) > MAX_EPOCH_LENGTH:
        raise GraphQLError("since.epoch must be the text that connection_ack gave.")
    return Since(offset, epoch)


_SINCE: Final = input_scalar(
    "Position",
    "A place in the event log: an offset, `{offset, epoch}`, or text `epoch:offset`.",
    _since,
    lambda node: _since(value_from_ast_untyped(node)),
)
