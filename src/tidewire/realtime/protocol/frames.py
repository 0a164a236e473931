"""Messages from the server that are no events, as JSON; the wire that sends them frames them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tidewire.core.models import Account
from tidewire.core.models.channels import RealtimeMessage
from tidewire.core.models.presences import Presence
from tidewire.core.time import format_datetime, now

_NO_POSITION: Final[Mapping[str, Any]] = {}
_encode: Final = msgspec.json.Encoder().encode


def connected(
    channels: Sequence[str],
    subscriptions: Mapping[str, str] | None,
    account: Account | None,
    position: Mapping[str, Any] = _NO_POSITION,
) -> bytes:
    """First message to a connection that was admitted.

    ``subscriptions`` maps slots to ids if the URL had channels, else it is None and written as a list.
    ``position``: where in the log the events of the connection begin.
    """
    data = {
        "channels": channels,
        "subscriptions": [] if subscriptions is None else subscriptions,
        "user": account,
        **position,
    }
    return _message("connected", data)


def subscribed(
    subscriptions: Sequence[Mapping[str, Any]],
    position: Mapping[str, Any] = _NO_POSITION,
) -> bytes:
    """Answer to ``subscribe``, a row for each row sent.

    ``position``: where in the log the live events of the connection begin.
    """
    data = {"to": "subscribe", "success": True, "subscriptions": subscriptions, **position}
    return _message("response", data)


def unsubscribed(results: Iterable[tuple[str, bool]]) -> bytes:
    """Answer to ``unsubscribe``: for each id sent, whether there was such a subscription."""
    rows = [{"subscriptionId": subscription, "removed": removed} for subscription, removed in results]
    return _message("response", {"to": "unsubscribe", "success": True, "subscriptions": rows})


def authenticated(account: Account | None) -> bytes:
    """Answer to ``authentication``; None: the connection showed an API key and has no account."""
    return _message("response", {"to": "authentication", "success": True, "user": account})


def presence(presence: Presence) -> bytes:
    """Answer to ``presence``."""
    return _message("response", {"to": "presence", "presence": presence})


def published(messages: Sequence[RealtimeMessage]) -> bytes:
    """Answer to ``publish``, a row for each row sent."""
    return _message("response", {"to": "publish", "success": True, "messages": messages})


def tail(channel: str, event: str, subscription: str, payload: object) -> bytes:
    """An event frame of the console's live tail. It has no timestamp, because each of its entries has one."""
    data = {"channels": [channel], "events": [event], "subscriptions": [subscription], "payload": payload}
    return _message("event", data)


def connection_count(project_id: str, count: int) -> bytes:
    """An event frame that tells the console how many connections a project has; the same for all its
    subscriptions."""
    data = {
        "events": ["stats.connections"],
        "channels": ["project"],
        "timestamp": format_datetime(now()),
        "payload": {project_id: count},
    }
    return _message("event", data)


def error(code: int, message: str, kind: str = "", explanation: str = "") -> bytes:
    """An error; ``kind`` is its type if REST has it too, which tells apart what shares a code.

    ``explanation`` says what a fixed ``message`` does not. SDKs rely on the code only, and there is no
    ``type`` in ``data`` (realtime-protocol, section 2).
    """
    data: dict[str, Any] = {"code": code, "message": message}
    if kind:
        data["reason"] = kind
    if explanation:
        data["explanation"] = explanation
    return _message("error", data)


def pong(position: Mapping[str, Any]) -> bytes:
    """Answer to a heartbeat that asks up to which position of the log everything was sent before it."""
    return _message("pong", position)


def _message(kind: str, data: Mapping[str, Any]) -> bytes:
    return _encode({"type": kind, "data": data})


PONG: Final = b'{"type":"pong"}'
"""Answer to the clients' heartbeat."""
