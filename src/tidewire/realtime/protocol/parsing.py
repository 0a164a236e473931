"""Parsing of messages from clients: they are read and checked here, and not yet applied."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, Never

import msgspec

from tidewire.channels import Draft
from tidewire.core.custom_channels import MAX_IDEMPOTENCY_KEY, is_channel_name
from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id
from tidewire.core.json_bounds import at_once
from tidewire.core.json_steps import text_in_steps
from tidewire.core.permissions import InvalidPermissionError, validate_permissions
from tidewire.core.presences import MAX_PERMISSIONS, PERMISSION_TYPES
from tidewire.core.realtime_queries import InvalidRealtimeQueryError, parse_realtime_queries
from tidewire.realtime.protocol.errors import INVALID_FORMAT, NOT_A_FRAME, MessageError, SubscribeError
from tidewire.realtime.protocol.messages import (
    DEFAULT_TERMS,
    LITERAL_ID,
    MAX_EPOCH_LENGTH,
    MAX_OFFSET,
    Authenticate,
    Message,
    Ping,
    Publish,
    RefusedRow,
    SetPresence,
    Since,
    Subscribe,
    SubscribeRow,
    Terms,
    Unsubscribe,
)
from tidewire.store.secrets.credentials import MAX_KEY_LENGTH

MAX_SESSION_LENGTH: Final = 2048
"""Characters of an encoded session."""

MAX_STATUS_LENGTH: Final = 2048
"""Characters of the status of a presence in a message; fewer can be stored."""

MAX_PUBLISHED: Final = 100
"""The most messages in one frame."""

_FORMAT: Final = "Message format is not valid."
_TYPE: Final = "Message type is not valid."
# Texts that apps written for the reference look for in their logs; what is wrong stands beside them.


def parse_message(text: str, terms: Terms = DEFAULT_TERMS) -> Message:
    """Parse one message at once. Raises :class:`MessageError`."""
    return at_once(parse_in_steps(text, terms))


def parse_in_steps(text: str, terms: Terms = DEFAULT_TERMS) -> Generator[None, None, Message]:
    """Parse a message as :func:`parse_message` does, but in steps: each reads some of the text, or one
    subscription, whose queries may take milliseconds to read."""
    try:
        frame = yield from text_in_steps(text, terms.most_values)
    except msgspec.DecodeError:
        _refuse(_FORMAT, "The message is not valid JSON.")
    except TidewireError as error:
        raise MessageError(
            INVALID_FORMAT, _FORMAT, limit="structure of a message", explanation=error.message
        ) from None
    if isinstance(frame, str | int | float):
        raise MessageError(NOT_A_FRAME, "The message is not an object.")
    if not isinstance(frame, dict):
        _refuse(_FORMAT, "The message is not an object.")
    if "type" not in frame and "data" not in frame:
        _refuse(_FORMAT, "The message has neither type nor data.")
    kind = frame.get("type")
    if kind == "subscribe":
        asked: list[SubscribeRow | RefusedRow] = []
        for row in _rows(frame, terms.most_rows):
            asked.append(_row_or_refusal(row, terms.extended_queries))
            yield
        if asked and all(isinstance(row, RefusedRow) for row in asked):
            assert isinstance(asked[0], RefusedRow)
            raise asked[0].error.anew(SubscribeError)
        return Subscribe(asked, len(text))
    parse = _PARSERS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        _refuse(
            _TYPE,
            "A message has one of the types ping, authentication, subscribe, unsubscribe, presence, publish.",
        )
    return parse(frame)


def _parse_authentication(frame: Mapping[str, Any]) -> Authenticate:
    data = frame.get("data")
    key = data.get("key") if isinstance(data, dict) and "session" not in data else None
    if isinstance(key, str) and 1 <= len(key) <= MAX_KEY_LENGTH:
        return Authenticate("", key)
    session = _data_with(frame, "session")["session"]
    if not isinstance(session, str) or not 1 <= len(session) <= MAX_SESSION_LENGTH:
        _refuse(f"session: Value must be text of 1 to {MAX_SESSION_LENGTH} characters.")
    return Authenticate(session)


def _row_or_refusal(row: Mapping[str, Any], extended_queries: bool) -> SubscribeRow | RefusedRow:
    try:
        return _parse_row(row, extended_queries)
    except MessageError as error:
        name = row.get("subscriptionId")
        return RefusedRow(name if isinstance(name, str) and is_id(name) else "", error.anew())


def _parse_row(row: Mapping[str, Any], extended_queries: bool) -> SubscribeRow:
    channels = row.get("channels")
    if not isinstance(channels, list) or not all(isinstance(channel, str) for channel in channels):
        _refuse("items: A subscription needs channels, a list of strings.")
    subscription = row.get("subscriptionId", LITERAL_ID)
    if not isinstance(subscription, str) or not (is_id(subscription) or subscription == LITERAL_ID):
        _refuse(
            "items: subscriptionId must have 1 to 36 of A-Z a-z 0-9 . - _ and start with a letter or digit."
        )
    try:
        queries = parse_realtime_queries(row.get("queries", []), extended=extended_queries)
    except InvalidRealtimeQueryError as error:
        _refuse(f"Invalid query: {error}")
    return SubscribeRow(
        subscription if "subscriptionId" in row else None, channels, queries, _since(row.get("since"))
    )


def _since(value: object) -> Since | None:
    if value is None:
        return None
    offset = value.get("offset") if isinstance(value, dict) else None
    epoch = value.get("epoch", "") if isinstance(value, dict) else None
    if type(offset) is not int or not 0 <= offset <= MAX_OFFSET:
        _refuse("items: since needs an offset, a whole number that is not negative: as in an event frame.")
    if not isinstance(epoch, str) or len(epoch) > MAX_EPOCH_LENGTH:
        _refuse("items: since.epoch must be the text that the frame connected gave.")
    return Since(offset, epoch)


def _parse_unsubscribe(frame: Mapping[str, Any]) -> Unsubscribe:
    return Unsubscribe([_id_to_remove(row.get("subscriptionId")) for row in _rows(frame)])


def _id_to_remove(subscription: object) -> str:
    if not isinstance(subscription, str) or not subscription:
        _refuse(
            "items: unsubscribe needs a subscriptionId, a string that is not empty, in each element of data."
        )
    return subscription


def _parse_presence(frame: Mapping[str, Any]) -> SetPresence:
    data = _data_with(frame, "status")
    status = data["status"]
    name = data.get("presenceId", LITERAL_ID)
    if not isinstance(status, str) or not 1 <= len(status) <= MAX_STATUS_LENGTH:
        _refuse(f"status: Value must be text of 1 to {MAX_STATUS_LENGTH} characters.")
    if not isinstance(name, str) or not (is_id(name) or name == LITERAL_ID):
        _refuse("presenceId: Value must have 1 to 36 of A-Z a-z 0-9 . - _ and start with a letter or digit.")
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict):
        _refuse("metadata: Value must be an object.")
    permissions = data.get("permissions")
    if "permissions" in data:
        _check_permissions(permissions)
    return SetPresence(None if name == LITERAL_ID else name, status, metadata, permissions)


def _parse_publish(frame: Mapping[str, Any]) -> Publish:
    rows = _rows(frame)
    if not 1 <= len(rows) <= MAX_PUBLISHED:
        _refuse(f"publish needs 1 to {MAX_PUBLISHED} messages in data.")
    return Publish([_parse_draft(row) for row in rows])


def _parse_draft(row: Mapping[str, Any]) -> Draft:
    channel, payload, key = row.get("channel"), row.get("payload"), row.get("idempotencyKey")
    if not isinstance(channel, str) or not is_channel_name(channel):
        _refuse("A message needs channel, the name of a custom channel without 'channels.' before it.")
    if not isinstance(payload, dict):
        _refuse("A message needs payload, an object.")
    if key is not None and not (isinstance(key, str) and 1 <= len(key) <= MAX_IDEMPOTENCY_KEY):
        _refuse(f"idempotencyKey must be text of 1 to {MAX_IDEMPOTENCY_KEY} characters.")
    return Draft(channel, msgspec.json.encode(payload), key or "")


def _check_permissions(permissions: object) -> None:
    if not isinstance(permissions, list) or not all(isinstance(each, str) for each in permissions):
        _refuse("permissions: Permissions must be an array of strings")
    try:
        validate_permissions(permissions, PERMISSION_TYPES, MAX_PERMISSIONS)
    except InvalidPermissionError as error:
        _refuse(f"permissions: {error}")


def _rows(frame: Mapping[str, Any], most: int = sys.maxsize) -> list[dict[str, Any]]:
    rows = frame.get("data")
    if rows is None:
        _refuse_without("items", f"{frame['type']} needs data, a list of objects.")
    if isinstance(rows, list) and len(rows) > most:
        message = f"items: {frame['type']} takes at most {most} subscriptions in one frame."
        raise SubscribeError(INVALID_FORMAT, message, limit="subscriptions in one frame")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        _refuse(f"items: {frame['type']} needs data, a list of objects.")
    return rows


def _data_with(frame: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The data of a frame, in which a member with this name must be."""
    data = frame.get("data")
    if not isinstance(data, dict) or name not in data:
        _refuse_without(name, f"{frame['type']} needs data, an object with {name}.")
    return data


def _refuse_without(name: str, explanation: str) -> Never:
    _refuse(f"Payload is not valid. {name.capitalize()} is required", explanation)


def _refuse(message: str, explanation: str = "") -> Never:
    raise MessageError(INVALID_FORMAT, message, explanation=explanation)


_PARSERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Message]]] = {
    "ping": lambda frame: Ping(place=frame.get("data") == {"place": True}),
    "authentication": _parse_authentication,
    "unsubscribe": _parse_unsubscribe,
    "presence": _parse_presence,
    "publish": _parse_publish,
}
