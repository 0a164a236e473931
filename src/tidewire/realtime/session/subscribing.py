"""A ``subscribe`` carried out: each row judged by the limits, made, and answered in its place.

A frame may have very many rows. They are done in slices then, between which the event loop serves others.
Each slice is complete by itself, as if it had been sent in a frame of its own: its subscriptions get every
event from the moment that they are made, by a replay if they are to get earlier ones. Who carries it out
keeps back what is sent to the connection meanwhile, so that the answer comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from tidewire.core.channels import convert_channels
from tidewire.core.ids import unique_id
from tidewire.core.realtime_queries import normal_form
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.messages import TOO_MUCH, MessageError, RefusedRow, SubscribeRow
from tidewire.realtime.receivers.subscriptions import EVERYTHING, Extent, Filter, Receiver
from tidewire.realtime.recovery.recovery import Asked, Known, Start
from tidewire.realtime.session.subscription_limits import (
    beyond_address,
    beyond_limits,
    extent_of,
    extent_of_held,
    total_held,
)

Rows = Sequence[SubscribeRow | RefusedRow]

SLICE: Final = 24
"""Rows and conditions of their queries, by weight, that are done in one go: a millisecond or two."""
CONDITIONS_A_ROW: Final = 4
"""That cost as much as a row without any."""


def slices(rows: Rows) -> Iterator[Rows]:
    """Rows in their order, so many together as can be done in one go."""
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
    """A subscription that is made."""

    row: SubscribeRow
    name: str
    channels: list[str]
    queries: list[str]
    """In their normal form."""
    filter: Filter | None


class Subscribing:
    """One ``subscribe`` of a connection."""

    def __init__(self, hub: Hub, receiver: Receiver) -> None:
        self._hub = hub
        self._receiver = receiver
        self._told: list[dict[str, Any]] = []
        self._refused: MessageError | None = None
        """Why the first row that could not be done could not."""
        self._made = False
        """Whether any row was done."""

    def do(self, rows: Rows, known: Known) -> None:
        """Make the subscriptions of some rows; ``known``: what :class:`Recovery` found of them."""
        hub, receiver = self._hub, self._receiver
        judged, total = self._judged(rows)
        accepted = [each for each in judged if isinstance(each, _Accepted)]
        asked = [
            Asked(row.id, name, channels, row.queries, row.since) for row, name, channels, *_ in accepted
        ]
        if hub.recovery is not None:
            starts = hub.recovery.starts(receiver, asked, known)
        else:
            starts = [Start() if row.since is None else Start(recovered=False) for row in asked]
        made: list[dict[str, Any]] = []
        for (_, name, channels, queries, wanted), start in zip(accepted, starts, strict=True):
            hub.subscribe(receiver, name, channels, wanted, start.since)
            told: dict[str, Any] = {"subscriptionId": name, "channels": channels, "queries": queries}
            if start.recovered is not None:
                told |= {"recovered": start.recovered, **hub.place}
            made.append(told)
        hub.replay(
            receiver, {each.name for each, start in zip(asked, starts, strict=True) if start.recovered}
        )
        if hub.recovery is not None:
            hub.recovery.keep(receiver, asked)
        receiver.extent = total
        self._made = self._made or bool(made)
        remaining = iter(made)
        for each in judged:
            if isinstance(each, RefusedRow):
                self._refused = self._refused or each.error
                self._told.append(_refusal(each))
            else:
                self._told.append(next(remaining))

    def answer(self) -> bytes:
        """The framed answer, once all rows are done.

        The first refusal is told by an error frame too, which is what SDKs show. If all rows are refused, it
        is the whole answer: raises :class:`MessageError`.
        """
        refused = self._refused
        if refused is not None and not self._made:
            raise refused.anew()
        answer = frames.subscribed(self._told, self._hub.place)
        if refused is None:
            return answer
        self._receiver.refused(refused)
        return frames.error(refused.code, refused.message, refused.kind, refused.explanation) + answer

    def _judged(self, rows: Rows) -> tuple[list[_Accepted | RefusedRow], Extent]:
        """Which rows can be done, in their order, so far as the limits of a connection admit them.

        With them comes what all subscriptions take once these are made.
        """
        receiver = self._receiver
        outlook = self._hub.spending.outlook(receiver.origin)
        total = receiver.extent or total_held(receiver)
        extents: dict[str, Extent] = {}
        judged: list[_Accepted | RefusedRow] = []
        for row in rows:
            if isinstance(row, RefusedRow):
                judged.append(row)
                continue
            name, channels = row.id or unique_id(), _channels(receiver, row.channels)
            queries = [normal_form(query) for query in row.queries]
            wanted = Filter.of(row.queries, queries)
            extent = extent_of(channels, wanted)
            before = extents.get(name) or extent_of_held(receiver, name)
            after = total.changed(before, extent)
            problem = beyond_limits(self._hub, after) or beyond_address(
                self._hub, outlook, wanted, len(channels)
            )
            if problem:
                judged.append(
                    RefusedRow(row.id or "", MessageError(TOO_MUCH, problem, limit="subscriptions"))
                )
            else:
                total, extents[name] = after, extent
                judged.append(_Accepted(row, name, channels, queries, wanted))
        return judged, total


def _channels(receiver: Receiver, asked: Sequence[str]) -> list[str]:
    """What a client gets of the channels that it asked for; a program gets them as they are."""
    if receiver.roles == EVERYTHING:
        return list(dict.fromkeys(asked))
    return convert_channels(asked, receiver.user_id)


def _refusal(row: RefusedRow) -> dict[str, Any]:
    """What the answer says of a row that was refused: it holds nothing, and why."""
    error = {"code": row.error.code, "message": row.error.message}
    return {"subscriptionId": row.id, "channels": [], "queries": [], "error": error}
