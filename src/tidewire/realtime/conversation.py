"""What the frames of a client do, and what they are answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from tidewire.core.channels import convert_channels
from tidewire.core.ids import unique_id
from tidewire.core.live_tail import tail_of
from tidewire.core.realtime_queries import FINDING, json_size, normal_form
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
    RefusedRow,
    Subscribe,
    SubscribeRow,
    Unsubscribe,
)
from tidewire.realtime.programs import SCOPE
from tidewire.realtime.recovery import NOTHING_KNOWN, Asked, Known, Start
from tidewire.realtime.spending import Outlook, entry_bytes
from tidewire.realtime.subscriptions import EVERYTHING, Filter, Receiver


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
    if hub.console is not None:
        await hub.console.review()  # the projects of a user's teams are looked at from now on
    return frames.authenticated(identity.account)


def check_user_limit(hub: Hub, user_id: str) -> None:
    """Raise :class:`MessageError` if a user has as many connections as one may have."""
    limit = hub.settings.realtime_max_connections_per_user
    if hub.connections_of(user_id) >= limit:
        raise MessageError(TOO_MUCH, f"A user may have at most {limit} connections at once.")


class Extent(NamedTuple):
    """How much one subscription takes, or several."""

    subscriptions: int
    channels: int
    bytes: int
    """Of its row in a frame, as a client's JSON has it that writes nothing but ASCII characters."""

    memory: int
    """Bytes that its queries take compiled."""
    work: int
    """What they cost an event, in comparisons."""

    @staticmethod
    def of(channels: Collection[str], wanted: Filter | None) -> Extent:
        """That of a subscription, made or to be made."""
        if not channels:
            return _NOTHING
        size = sum(len(each) + _QUOTES if each.isascii() else json_size(each) for each in channels)
        if wanted is None:
            return Extent(1, len(channels), ROW_BYTES + size, 0, 0)
        memory = wanted.memory + entry_bytes(wanted, len(channels))
        return Extent(1, len(channels), ROW_BYTES + size + wanted.size, memory, wanted.work)

    @staticmethod
    def held(receiver: Receiver) -> dict[str, Extent]:
        """Those of all subscriptions of a connection, by id."""
        return {name: Extent.of(held.channels, held.filter) for name, held in receiver.subscriptions.items()}

    @staticmethod
    def total(extents: Iterable[Extent]) -> Extent:
        """That of several subscriptions together."""
        return Extent(*map(sum, zip(_NOTHING, *extents, strict=True)))

    def changed(self, before: Extent, after: Extent) -> Extent:
        """That of several subscriptions of which one was ``before`` and is ``after``."""
        return Extent(*(all_ - old + new for all_, old, new in zip(self, before, after, strict=True)))


_NOTHING: Final = Extent(0, 0, 0, 0, 0)
ROW_BYTES: Final = 96
"""Of a row, besides its channels and queries."""
_QUOTES: Final = len('"",')


def beyond_limits(hub: Hub, total: Extent) -> str:
    """What is wrong with a connection whose subscriptions take so much; empty if nothing."""
    settings = hub.settings
    if total.subscriptions > settings.realtime_max_subscriptions:
        return f"A connection may hold at most {settings.realtime_max_subscriptions} subscriptions."
    if total.channels > settings.realtime_max_channels:
        return f"A connection may hold at most {settings.realtime_max_channels} channels."
    most = settings.realtime_max_subscription_bytes
    if total.bytes > most:
        return f"The subscriptions of a connection may have at most {most} bytes in all."
    if total.work > settings.realtime_max_query_work:
        return (
            f"The queries of a connection may cost {settings.realtime_max_query_work} comparisons an event; "
            f"these cost {total.work}. A condition costs 1, a text to look for within another {FINDING}."
        )
    if total.memory > settings.realtime_max_query_memory:
        return (
            f"The queries of a connection may take {settings.realtime_max_query_memory} bytes of memory; "
            f"these take {total.memory}. What costs most is many values on many channels."
        )
    return ""


def beyond_address(hub: Hub, outlook: Outlook, wanted: Filter | None, channels: int) -> str:
    """What is wrong with one subscription more for an address; empty if nothing, and then it is added."""
    memory, work = outlook.cost(wanted, channels)
    settings = hub.settings
    if (memory and outlook.memory + memory > settings.realtime_max_query_memory_per_address) or (
        work and outlook.work + work > settings.realtime_max_query_work_per_address
    ):
        return "The connections from your address have as many queries as they may have; try again later."
    outlook.add(wanted, channels)
    return ""


def _channels(receiver: Receiver, asked: Sequence[str]) -> list[str]:
    """What a client gets of the channels that it asked for; a program gets them as they are."""
    if receiver.roles == EVERYTHING:
        return list(dict.fromkeys(asked))
    return convert_channels(asked, receiver.user_id)


class _Accepted(NamedTuple):
    """A subscription that is made."""

    row: SubscribeRow
    name: str
    channels: list[str]
    filter: Filter | None
    """Of its queries."""


def _subscribe(hub: Hub, receiver: Receiver, message: Subscribe, known: Known) -> bytes:
    """Make the subscriptions that can be; each row is answered by itself, in its place.

    The first refusal is told by an error frame too, which is what SDKs show. If all rows are refused, it is
    the whole answer.
    """
    judged = _judged(hub, receiver, message)
    accepted = [each for each in judged if isinstance(each, _Accepted)]
    refused = next((each.error for each in judged if isinstance(each, RefusedRow)), None)
    if refused is not None and not accepted:
        raise refused
    asked = [Asked(row.id, name, channels, row.queries, row.since) for row, name, channels, _ in accepted]
    if hub.recovery is not None:
        starts = hub.recovery.starts(receiver, asked, known)
    else:
        starts = [Start() if row.since is None else Start(recovered=False) for row in asked]
    made: list[dict[str, Any]] = []
    for (row, name, channels, _), start in zip(accepted, starts, strict=True):
        hub.subscribe(receiver, name, channels, row.queries, start.since)
        told: dict[str, Any] = {
            "subscriptionId": name,
            "channels": channels,
            "queries": [normal_form(query) for query in row.queries],
        }
        if start.recovered is not None:
            told |= {"recovered": start.recovered, **hub.place}
        made.append(told)
    hub.replay(receiver, {each.name for each, start in zip(asked, starts, strict=True) if start.recovered})
    if hub.recovery is not None:
        hub.recovery.keep(receiver, asked)
    remaining = iter(made)
    rows = [_refusal(each) if isinstance(each, RefusedRow) else next(remaining) for each in judged]
    answer = frames.subscribed(rows, hub.place)
    if refused is None:
        return answer
    receiver.refused(refused.code, refused.message)
    return frames.error(refused.code, refused.message, refused.kind) + answer


def _judged(hub: Hub, receiver: Receiver, message: Subscribe) -> list[_Accepted | RefusedRow]:
    """Which rows can be done, in their order, so far as the limits of a connection admit them."""
    extents = Extent.held(receiver)
    total = Extent.total(extents.values())
    outlook = hub.spending.outlook(receiver.origin)
    judged: list[_Accepted | RefusedRow] = []
    for row in message.asked:
        if isinstance(row, RefusedRow):
            judged.append(row)
            continue
        name, channels = row.id or unique_id(), _channels(receiver, row.channels)
        wanted = Filter.of(row.queries)
        extent = Extent.of(channels, wanted)
        after = total.changed(extents.get(name, _NOTHING), extent)
        problem = beyond_limits(hub, after) or beyond_address(hub, outlook, wanted, len(channels))
        if problem:
            judged.append(RefusedRow(row.id or "", MessageError(TOO_MUCH, problem)))
        else:
            total, extents[name] = after, extent
            judged.append(_Accepted(row, name, channels, wanted))
    return judged


def _refusal(row: RefusedRow) -> dict[str, Any]:
    """What the answer says of a row that was refused: it holds nothing, and why."""
    error = {"code": row.error.code, "message": row.error.message}
    return {"subscriptionId": row.id, "channels": [], "queries": [], "error": error}
