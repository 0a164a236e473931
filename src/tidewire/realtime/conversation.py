"""What the frames of a client do, and what they are answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from tidewire.core.channels import convert_channels
from tidewire.core.ids import unique_id
from tidewire.core.live_tail import tail_of
from tidewire.core.queries import Query
from tidewire.core.realtime_queries import normal_form, text_size
from tidewire.core.second_factors import NEEDS_SECOND_FACTOR, second_factor_missing
from tidewire.realtime import frames
from tidewire.realtime.hub import Hub
from tidewire.realtime.messages import (
    INVALID_FORMAT,
    POLICY_VIOLATION,
    TOO_MUCH,
    UNAUTHORIZED,
    Authenticate,
    MessageError,
    Ping,
    Subscribe,
    Unsubscribe,
)
from tidewire.realtime.programs import SCOPE
from tidewire.realtime.recovery import NOTHING_KNOWN, Asked, Known, Start
from tidewire.realtime.subscriptions import EVERYTHING, Receiver


def respond(
    hub: Hub, receiver: Receiver, message: Ping | Subscribe | Unsubscribe, known: Known = NOTHING_KNOWN
) -> bytes:
    """Do what ``message`` asks for and return the framed answer. Raises :class:`MessageError`.

    ``known``: what :meth:`Recovery.look_up` found of the subscriptions of a :class:`Subscribe`.
    """
    if isinstance(message, Ping):
        if not message.place or receiver.replay is not None or not hub.epoch:
            return frames.PONG
        return frames.pong({"offset": hub.acknowledgements.settled, "epoch": hub.epoch})
    if isinstance(message, Subscribe):
        return _subscribe(hub, receiver, message, known)
    return frames.unsubscribed([(name, hub.unsubscribe(receiver, name)) for name in message.ids])


def known_to(hub: Hub, receiver: Receiver, message: Ping | Subscribe | Unsubscribe) -> Known | None:
    """What is known of the subscriptions that ``message`` asks for; None: it has to be looked up."""
    if not isinstance(message, Subscribe):
        return NOTHING_KNOWN
    if hub.console is not None:
        return None if hub.console.concerns(message) else NOTHING_KNOWN
    if any(tail_of(channel) for row in message.rows for channel in row.channels):
        raise MessageError(POLICY_VIOLATION, "The live tail is open to the console's connections only.")
    if hub.recovery is None:
        return NOTHING_KNOWN
    return hub.recovery.look_up(receiver, [(row.id, row.since is not None) for row in message.rows])


async def look_up(hub: Hub, receiver: Receiver, message: Subscribe) -> Known:
    """The same where the database has to be asked with time."""
    if hub.console is not None:
        await hub.console.prepare(receiver, message)
        return NOTHING_KNOWN
    assert hub.recovery is not None
    return await hub.recovery.read(receiver, [(row.id, row.since is not None) for row in message.rows])


async def authenticate(hub: Hub, receiver: Receiver, message: Authenticate) -> bytes:
    """Log a connection in and return the framed answer. Raises :class:`MessageError`."""
    if message.key:
        key = await hub.programs.find(message.key) if hub.programs is not None else None
        if key is None:
            raise MessageError(UNAUTHORIZED, "There is no such API key.", "user_unauthorized")
        if SCOPE not in key.scopes:
            lacking = f"The API key lacks the scope ({SCOPE})."
            raise MessageError(UNAUTHORIZED, lacking, "general_unauthorized_scope")
        hub.admit_program(receiver, message.key, key)
        return frames.authenticated(None)
    policy = await hub.factors()
    identity = await hub.identify(lambda: hub.identities.by_session(message.session))
    if identity is None:
        raise MessageError(INVALID_FORMAT, "The session is not valid.")
    if second_factor_missing(identity, policy):
        raise MessageError(UNAUTHORIZED, NEEDS_SECOND_FACTOR, "user_more_factors_required")
    if identity.user_id != receiver.user_id:
        check_user_limit(hub, identity.user_id)
    hub.authenticate(receiver, identity)
    if hub.recovery is not None:
        await hub.recovery.claim(receiver, identity.session_id)
    return frames.authenticated(identity.account)


def check_user_limit(hub: Hub, user_id: str) -> None:
    """Raise :class:`MessageError` if a user has as many connections as one may have."""
    limit = hub.settings.realtime_max_connections_per_user
    if hub.connections_of(user_id) >= limit:
        raise MessageError(TOO_MUCH, f"A user may have at most {limit} connections at once.")


class Extent(NamedTuple):
    """How much a subscription takes."""

    channels: int
    bytes: int
    """Of its channels and queries, as text."""

    @staticmethod
    def of(channels: Collection[str], queries: Iterable[Query]) -> Extent:
        """That of a subscription to be made."""
        return Extent(len(channels), sum(map(len, channels)) + text_size(queries))


def beyond_limits(hub: Hub, extents: Collection[Extent]) -> str:
    """What is wrong with a connection that holds subscriptions of these extents; empty if nothing."""
    settings = hub.settings
    if sum(extent.channels > 0 for extent in extents) > settings.realtime_max_subscriptions:
        return f"A connection may hold at most {settings.realtime_max_subscriptions} subscriptions."
    if sum(extent.channels for extent in extents) > settings.realtime_max_channels:
        return f"A connection may hold at most {settings.realtime_max_channels} channels."
    most = settings.realtime_max_subscription_bytes
    if sum(extent.bytes for extent in extents if extent.channels) > most:
        return f"The channels and queries of a connection may have at most {most} bytes in all."
    return ""


def _channels(receiver: Receiver, asked: Sequence[str]) -> list[str]:
    """What a client gets of the channels that it asked for; a program gets them as they are."""
    if receiver.roles == EVERYTHING:
        return list(dict.fromkeys(asked))
    return convert_channels(asked, receiver.user_id)


def _subscribe(hub: Hub, receiver: Receiver, message: Subscribe, known: Known) -> bytes:
    accepted = [
        (row.id or unique_id(), _channels(receiver, row.channels), row.queries) for row in message.rows
    ]
    after = {
        held.id: Extent(len(held.channels), sum(map(len, held.channels)) + held.query_size)
        for held in receiver.subscriptions.values()
    }
    after.update((name, Extent.of(channels, queries)) for name, channels, queries in accepted)
    problem = beyond_limits(hub, after.values())
    if problem:
        raise MessageError(TOO_MUCH, problem)
    asked = [
        Asked(row.id, name, channels, queries, row.since)
        for row, (name, channels, queries) in zip(message.rows, accepted, strict=True)
    ]
    if hub.recovery is not None:
        starts = hub.recovery.starts(receiver, asked, known)
    else:
        starts = [Start() if row.since is None else Start(recovered=False) for row in asked]
    rows: list[dict[str, Any]] = []
    for (name, channels, queries), start in zip(accepted, starts, strict=True):
        hub.subscribe(receiver, name, channels, queries, start.since)
        row: dict[str, Any] = {
            "subscriptionId": name,
            "channels": channels,
            "queries": [normal_form(query) for query in queries],
        }
        if start.recovered is not None:
            row |= {"recovered": start.recovered, **hub.place}
        rows.append(row)
    hub.replay(receiver, {row[0] for row, start in zip(accepted, starts, strict=True) if start.recovered})
    if hub.recovery is not None:
        hub.recovery.keep(receiver, asked)
    return frames.subscribed(rows, hub.place)
