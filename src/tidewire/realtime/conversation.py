"""What the frames of a client do, and what they are answered (realtime-protocol, section 3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tidewire.core.channels import convert_channels
from tidewire.core.ids import unique_id
from tidewire.core.realtime_queries import normal_form
from tidewire.core.second_factors import NEEDS_SECOND_FACTOR, second_factor_missing
from tidewire.realtime import frames
from tidewire.realtime.hub import Hub
from tidewire.realtime.messages import (
    INVALID_FORMAT,
    TOO_MUCH,
    UNAUTHORIZED,
    Authenticate,
    MessageError,
    Ping,
    Subscribe,
    Unsubscribe,
)
from tidewire.realtime.recovery import Start
from tidewire.realtime.subscriptions import Receiver


def respond(hub: Hub, receiver: Receiver, message: Ping | Subscribe | Unsubscribe) -> bytes:
    """Do what ``message`` asks for and return the framed answer. Raises :class:`MessageError`."""
    if isinstance(message, Ping):
        return frames.PONG
    if isinstance(message, Subscribe):
        return _subscribe(hub, receiver, message)
    return frames.unsubscribed([(name, hub.unsubscribe(receiver, name)) for name in message.ids])


async def authenticate(hub: Hub, receiver: Receiver, message: Authenticate) -> bytes:
    """Log a connection in and return the framed answer (section 7.2). Raises :class:`MessageError`."""
    policy = await hub.factors()
    identity = await hub.identify(lambda: hub.identities.by_session(message.session))
    if identity is None:
        raise MessageError(INVALID_FORMAT, "The session is not valid.")
    if second_factor_missing(identity, policy):
        raise MessageError(UNAUTHORIZED, NEEDS_SECOND_FACTOR, "user_more_factors_required")
    if identity.user_id != receiver.user_id:
        check_user_limit(hub, identity.user_id)
    hub.authenticate(receiver, identity)
    return frames.authenticated(identity.account)


def check_user_limit(hub: Hub, user_id: str) -> None:
    """Raise :class:`MessageError` if a user has as many connections as one may have."""
    limit = hub.settings.realtime_max_connections_per_user
    if hub.connections_of(user_id) >= limit:
        raise MessageError(TOO_MUCH, f"A user may have at most {limit} connections at once.")


def beyond_limits(hub: Hub, channel_counts: Collection[int]) -> str:
    """What is wrong with a connection that holds subscriptions of so many channels each; empty if nothing."""
    subscriptions = sum(count > 0 for count in channel_counts)
    if subscriptions > hub.settings.realtime_max_subscriptions:
        return f"A connection may hold at most {hub.settings.realtime_max_subscriptions} subscriptions."
    if sum(channel_counts) > hub.settings.realtime_max_channels:
        return f"A connection may hold at most {hub.settings.realtime_max_channels} channels."
    return ""


def _subscribe(hub: Hub, receiver: Receiver, message: Subscribe) -> bytes:
    accepted = [
        (row.id or unique_id(), convert_channels(row.channels, receiver.user_id), row.queries)
        for row in message.rows
    ]
    after = {held.id: len(held.channels) for held in receiver.subscriptions.values()}
    after.update((name, len(channels)) for name, channels, _ in accepted)
    problem = beyond_limits(hub, after.values())
    if problem:
        raise MessageError(TOO_MUCH, problem)
    starts = _starts(hub, message)
    rows: list[dict[str, Any]] = []
    for (name, channels, queries), start in zip(accepted, starts, strict=True):
        hub.subscribe(receiver, name, channels, queries, start.since)
        row: dict[str, Any] = {
            "subscriptionId": name,
            "channels": channels,
            "queries": [normal_form(query) for query in queries],
            **hub.place,
        }
        if start.recovered is not None:
            row["recovered"] = start.recovered
        rows.append(row)
    hub.replay(receiver, {row[0] for row, start in zip(accepted, starts, strict=True) if start.recovered})
    return frames.subscribed(rows)


def _starts(hub: Hub, message: Subscribe) -> list[Start]:
    if hub.recovery is None:
        return [Start() if row.since is None else Start(recovered=False) for row in message.rows]
    return hub.recovery.starts(message.rows)
