"""Subscribing: making subscriptions, and carrying out a ``subscribe`` row by row.

A message may have very many rows. They are done in slices then, between which the event loop serves others.
Each slice is complete by itself, as if it had been sent in a message of its own: its subscriptions get every
event from the moment that they are made, and earlier ones by a replay. What is sent to the connection
meanwhile is kept back, so that the answer comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from tidewire.core.channels import convert_channels
from tidewire.core.ids import unique_id
from tidewire.core.realtime_queries import normal_form
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.errors import GONE, TOO_MUCH, MessageError
from tidewire.realtime.protocol.messages import RefusedRow, SubscribeRow
from tidewire.realtime.receivers.filters import Filter
from tidewire.realtime.receivers.receiver import EVERYTHING, Footprint, Receiver
from tidewire.realtime.recovery.recovery import MISSED_UNKNOWN, Known, Start, SubscriptionRequest
from tidewire.realtime.session.subscription_limits import (
    exceeded_address_limit,
    exceeded_limit,
    footprint_of,
    footprint_of_held,
    total_held,
)

Rows = Sequence[SubscribeRow | RefusedRow]

SLICE: Final = 24
"""Weight of the rows of a slice, which takes a millisecond or two: 1 for each row, and its conditions."""
MANY: Final = 16
"""Subscriptions from which what they take together is kept for the next message; fewer are summed up."""
CONDITIONS_A_ROW: Final = 4
"""Conditions, or channels, that cost as much as a row without any."""
EVENTS_GONE: Final = (
    "Events that this subscription has missed cannot be sent any more. Read the present state, and subscribe "
    "without since."
)


def slices(rows: Rows) -> Iterator[Rows]:
    """Rows in their order, as many together as make a slice."""
    begin = weight = 0
    for place, row in enumerate(rows):
        weight += _weight(row)
        if weight >= SLICE:
            yield rows[begin : place + 1]
            begin, weight = place + 1, 0
    if begin < len(rows):
        yield rows[begin:]


def _weight(row: SubscribeRow | RefusedRow) -> int:
    if isinstance(row, RefusedRow):
        return 1
    conditions = sum(1 for query in row.queries for _ in query.tree())
    return 1 + (len(row.channels) + conditions) // CONDITIONS_A_ROW


class _Accepted(NamedTuple):
    """A row that can be done."""

    request: SubscriptionRequest
    queries: list[str]
    """The queries in their normal form."""
    complete: bool
    """Whether it is refused if it would miss events."""


def start_subscriptions(
    hub: Hub, receiver: Receiver, requests: Sequence[SubscriptionRequest], known: Known | None = None
) -> list[Start]:
    """Make subscriptions of a connection, and send it what they have missed; where the events of each begin.

    This is the one way for all of them: those of a URL, those of a message, those of a guest who signs in,
    and those of an event stream. What is kept of them is looked up, it is judged where each begins, they are
    made, replayed to, and kept for when the client comes back. ``known``: what was looked up before; without
    it :class:`MessageError` is raised if the database cannot answer at once.
    """
    recovery = hub.recovery
    if recovery is None:
        starts = [Start() if each.since is None else Start(recovered=False) for each in requests]
    else:
        known = known or recovery.look_up(receiver, requests)
        if known is None:
            raise MessageError(TOO_MUCH, MISSED_UNKNOWN)
        starts = recovery.starts(receiver, requests, known)
    for each, start in zip(requests, starts, strict=True):
        hub.subscribe(receiver, each.name, each.channels, each.filter, start.since)
    hub.replay(receiver, {each.name for each, start in zip(requests, starts, strict=True) if start.recovered})
    if recovery is not None:
        recovery.keep(receiver, requests)
    return starts


class Subscribing:
    """One ``subscribe`` of a connection."""

    def __init__(self, hub: Hub, receiver: Receiver) -> None:
        self._hub = hub
        self._receiver = receiver
        self._told: list[dict[str, Any]] = []
        self._refused: MessageError | None = None
        """The refusal of the first row that was refused."""
        self._made = False
        """Whether any row was done."""

    def do(self, rows: Rows, known: Known) -> None:
        """Make the subscriptions of some rows; ``known``: what recovery knows of them."""
        judged, total = self._judged(rows)
        accepted = [each for each in judged if isinstance(each, _Accepted)]
        starts = iter(
            start_subscriptions(self._hub, self._receiver, [each.request for each in accepted], known)
        )
        if len(self._receiver.subscriptions) > MANY:
            self._receiver.footprint = total
        for each in judged:
            if isinstance(each, RefusedRow):
                self._refuse(each)
                continue
            start = next(starts)
            if each.complete and start.recovered is False:
                self._hub.unsubscribe(self._receiver, each.request.name)
                self._refuse(
                    RefusedRow(each.request.name, MessageError(GONE, EVENTS_GONE, "realtime_events_gone"))
                )
            else:
                self._told.append(self._told_of(each, start))
                self._made = True

    def _refuse(self, row: RefusedRow) -> None:
        if self._refused is None:
            self._refused = row.error
            self._refused.about = row.id
        self._told.append(_refusal(row))

    def _told_of(self, accepted: _Accepted, start: Start) -> dict[str, Any]:
        """What the answer says of a row that was done."""
        request = accepted.request
        told: dict[str, Any] = {
            "subscriptionId": request.name,
            "channels": request.channels,
            "queries": accepted.queries,
        }
        if start.recovered is not None:
            told |= {"recovered": start.recovered, **self._hub.progress.position}
        return told

    def answer(self) -> list[bytes]:
        """The messages that answer, once all rows are done.

        The first refusal is told by an error frame too, which is what SDKs show. If all rows are refused, it
        is the whole answer: raises :class:`MessageError`.
        """
        refused = self._refused
        if refused is not None and not self._made:
            raise refused.anew()
        answer = self._receiver.words.subscribed(self._told, self._hub.progress.position)
        if refused is None:
            return answer
        self._receiver.refused(refused)
        return [frames.error(refused.code, refused.message, refused.kind, refused.explanation), *answer]

    def _judged(self, rows: Rows) -> tuple[list[_Accepted | RefusedRow], Footprint]:
        """Judge which rows can be done, in their order, so far as the limits of a connection admit them.

        With them comes what all subscriptions of the connection take once these are made.
        """
        receiver = self._receiver
        preview = self._hub.index.query_costs.preview(receiver.origin)
        total = receiver.footprint or total_held(receiver)
        footprints: dict[str, Footprint] = {}
        judged: list[_Accepted | RefusedRow] = []
        for row in rows:
            if isinstance(row, RefusedRow):
                judged.append(row)
                continue
            name, channels = row.id or unique_id(), _channels(receiver, row.channels)
            queries = [normal_form(query) for query in row.queries]
            wanted = Filter.of(row.queries, queries)
            footprint = footprint_of(channels, wanted)
            before = footprints.get(name) or footprint_of_held(receiver, name)
            after = total.changed(before, footprint)
            problem = exceeded_limit(self._hub, after) or exceeded_address_limit(
                self._hub, preview, wanted, len(channels)
            )
            if problem:
                error = MessageError(TOO_MUCH, problem, limit="subscriptions")
                judged.append(RefusedRow(row.id or "", error))
            else:
                total, footprints[name] = after, footprint
                request = SubscriptionRequest(row.id, name, channels, row.queries, wanted, row.since)
                judged.append(_Accepted(request, queries, row.complete))
        return judged, total


def _channels(receiver: Receiver, asked: Sequence[str]) -> list[str]:
    """The channels that a client gets for those that it asked for; with an API key it gets them as they
    are."""
    if receiver.roles == EVERYTHING:
        return list(dict.fromkeys(asked))
    return convert_channels(asked, receiver.user_id)


def _refusal(row: RefusedRow) -> dict[str, Any]:
    """What the answer says of a row that was refused: no channels, and why."""
    error = {"code": row.error.code, "message": row.error.message}
    return {"subscriptionId": row.id, "channels": [], "queries": [], "error": error}
