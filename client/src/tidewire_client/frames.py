"""Frames as they travel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Frame(msgspec.Struct):
    """Any frame from the server; what its data is follows from its type."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Connected(msgspec.Struct):
    """``connected``, the first frame."""

    user: dict[str, Any] | None = None
    epoch: str = ""
    """Of the event log; empty from servers that have none."""
    offset: int = 0
    program: bool = False
    """The API key counts: every event will come."""


class EventData(msgspec.Struct):
    """``event``."""

    payload: msgspec.Raw
    timestamp: datetime
    events: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    offset: int | None = None


class Pong(msgspec.Struct):
    """``pong``; from a Tidewire server it says up to where in the log everything was sent before it."""

    offset: int = 0


class ErrorData(msgspec.Struct):
    """``error``."""

    code: int = 0
    message: str = ""


class ResponseHead(msgspec.Struct):
    """What all of ``response`` have: which frame is answered."""

    to: str


class SubscribeRow(msgspec.Struct, rename="camel"):
    """One subscription in the response to ``subscribe``."""

    subscription_id: str
    recovered: bool | None = None
    """Whether nothing is missing since the position that was asked for or is known; None if none is."""


class SubscribeResponse(msgspec.Struct):
    """``response`` to ``subscribe``."""

    subscriptions: list[SubscribeRow]
    """In the order in which they were sent."""
    epoch: str = ""
    offset: int = 0
    """Live events have greater ones; what is replayed has smaller ones or this one."""


class PublishedRow(msgspec.Struct):
    """One message in the response to ``publish``."""

    id: str = msgspec.field(name="$id")
    channel: str
    offset: int | None = None


class PublishResponse(msgspec.Struct):
    """``response`` to ``publish``."""

    messages: list[PublishedRow]


def encode(kind: str, data: object = None) -> str:
    """A frame to the server."""
    frame = {"type": kind} if data is None else {"type": kind, "data": data}
    return msgspec.json.encode(frame).decode()
