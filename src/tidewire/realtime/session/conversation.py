"""The conversation with a client: what its messages do, and what they are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tidewire.core.live_tail import tail_of
from tidewire.core.second_factors import NEEDS_SECOND_FACTOR, second_factor_missing
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.errors import (
    INVALID_FORMAT,
    POLICY_VIOLATION,
    TOO_MUCH,
    UNAUTHORIZED,
    MessageError,
)
from tidewire.realtime.protocol.messages import Authenticate, Ping, Subscribe, SubscribeRow, Unsubscribe
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.recovery.recovery import NOTHING_KNOWN, Known
from tidewire.realtime.roles.api_keys import SCOPE
from tidewire.realtime.session.subscribing import Subscribing, slices, start_subscriptions


def respond(
    hub: Hub, receiver: Receiver, message: Ping | Subscribe | Unsubscribe, known: Known = NOTHING_KNOWN
) -> list[bytes]:
    """Do what a message asks for and return the messages that answer it. Raises :class:`MessageError`.

    ``known``: what recovery knows of the subscriptions of a :class:`Subscribe`.
    """
    if isinstance(message, Ping):
        epoch = hub.progress.epoch
        if not message.place or receiver.replay is not None or not epoch:
            return [frames.PONG]
        return [frames.pong({"offset": hub.acknowledgements.settled, "epoch": epoch})]
    if isinstance(message, Subscribe):
        subscribing = Subscribing(hub, receiver)
        subscribing.do(message.asked, known)
        return subscribing.answer()
    return receiver.words.unsubscribed([(name, hub.unsubscribe(receiver, name)) for name in message.ids])


def known_to(hub: Hub, receiver: Receiver, message: Ping | Subscribe | Unsubscribe) -> Known | None:
    """What is known of the subscriptions that ``message`` asks for.

    None if that has to be looked up, or the message takes long: then it is for :func:`subscribe_in_slices`.
    """
    if not isinstance(message, Subscribe):
        return NOTHING_KNOWN
    is_long = len(next(slices(message.asked), ())) < len(message.asked)
    if hub.console is not None:
        return None if is_long or hub.console.concerns(message) else NOTHING_KNOWN
    if any(tail_of(channel) for row in message.rows for channel in row.channels):
        raise MessageError(POLICY_VIOLATION, "The live tail is open to the console's connections only.")
    if is_long:
        return None
    if hub.recovery is None:
        return NOTHING_KNOWN
    return hub.recovery.look_up(receiver, message.rows)


async def subscribe_in_slices(
    hub: Hub, receiver: Receiver, message: Subscribe, turn: Callable[[], Awaitable[None]]
) -> list[bytes]:
    """Do what a ``subscribe`` asks for, a little in each ``turn``, and return the messages that answer it.

    There are none if the connection ended meanwhile. Raises :class:`MessageError`.
    """
    if hub.console is not None:
        await hub.console.prepare(receiver, message)
    subscribing = Subscribing(hub, receiver)
    for rows in slices(message.asked):
        await turn()
        known = None
        if hub.recovery is not None:
            asked = [row for row in rows if isinstance(row, SubscribeRow)]
            known = hub.recovery.look_up(receiver, asked)
            if known is None:
                known = await hub.recovery.read(receiver, asked)
        if not receiver.roles:
            return []
        subscribing.do(rows, known or NOTHING_KNOWN)
    await turn()
    return subscribing.answer()


async def authenticate(hub: Hub, receiver: Receiver, message: Authenticate) -> bytes:
    """Log a connection in and return the message that answers. Raises :class:`MessageError`."""
    if message.key:
        key = await hub.api_keys.find(message.key) if hub.api_keys is not None else None
        if key is None:
            raise MessageError(UNAUTHORIZED, "There is no such API key.", "user_unauthorized")
        if SCOPE not in key.scopes:
            lacking = f"The API key lacks the scope ({SCOPE})."
            raise MessageError(UNAUTHORIZED, lacking, "general_unauthorized_scope")
        hub.admit_api_key(receiver, message.key, key)
        return frames.authenticated(None)
    policy = await hub.roles.factors()
    identity = await hub.identify(lambda: hub.roles.identities.by_session(message.session))
    if identity is None:
        raise MessageError(
            INVALID_FORMAT,
            "Session is not valid.",
            explanation="The session does not exist, has ended, or is of another project.",
        )
    if second_factor_missing(identity, policy):
        raise MessageError(UNAUTHORIZED, NEEDS_SECOND_FACTOR, "user_more_factors_required")
    if identity.user_id != receiver.user_id:
        check_user_limit(hub, identity.user_id)
    hub.authenticate(receiver, identity)
    if hub.recovery is not None:
        claimed = hub.recovery.claimed(receiver, identity.session_id)
        known = await hub.recovery.read(receiver, claimed) if claimed else NOTHING_KNOWN
        if receiver.roles:  # else it ended meanwhile
            start_subscriptions(hub, receiver, claimed, known)
    if hub.console is not None:
        await hub.console.review()  # the logs of the projects of the user's teams are followed from now on
    return frames.authenticated(identity.account)


def check_user_limit(hub: Hub, user_id: str) -> None:
    """Raise :class:`MessageError` if a user has as many connections as one may have."""
    limit = hub.settings.realtime_max_connections_per_user
    if hub.connections_of(user_id) >= limit:
        message = f"A user may have at most {limit} connections at once."
        raise MessageError(TOO_MUCH, message, limit="connections of a user")
