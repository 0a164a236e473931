"""Writing events to all their receivers, the hot path of the server.

What costs most is the call into the kernel for each write. So events that wait already are written
together: one write for each receiver, however many of them it gets.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tidewire.core.time import now
from tidewire.realtime.acknowledgements import Acknowledgements
from tidewire.realtime.compression import STORED_END
from tidewire.realtime.frames import EventFrame, subscription_tail
from tidewire.realtime.index import Matches, Subscriptions, holds_role
from tidewire.realtime.meters import Meters
from tidewire.realtime.subscriptions import Receiver, Subscription

SLICE: Final = 1000
"""Writes after which the event loop gets to serve others."""
BATCH_EVENTS: Final = 16
"""Events written together at most."""
BATCH_BYTES: Final = 64 * 1024
"""Bytes written together to one connection, so that quick clients do not look like slow ones."""

Matched = Subscription | Subscriptions


@dataclass(frozen=True, slots=True)
class _Event:
    """One event on its way."""

    frame: EventFrame
    matches: Matches
    roles: Sequence[str]
    timestamp: int
    offset: int
    """In the log that the connections are told of; 0: it is of another one."""


class Fanout:
    """Delivers the events of one project in their order.

    ``changes`` counts what happens to connections and subscriptions: it tells whether those that an event
    was matched with are still entitled to it after the loop served others.
    """

    def __init__(
        self, changes: Callable[[], int], meters: Meters, acknowledgements: Acknowledgements
    ) -> None:
        self._changes = changes
        self._meters = meters
        self._acknowledgements = acknowledgements
        self._batch: list[_Event] = []
        self._matched_at = 0
        """The count of changes when the first event of the batch was matched."""
        self._bytes = 0
        """To a connection that gets all events of the batch."""
        self._writes = 0
        """Since the loop last ran."""
        self._turn = asyncio.Lock()
        """Of who writes: events that are delivered by several tasks must not overtake each other."""

    @property
    def busy(self) -> bool:
        """Whether events wait to be written, or are being written."""
        return bool(self._batch) or self._turn.locked()

    async def deliver(
        self,
        frame: EventFrame,
        matches: Matches,
        roles: Sequence[str],
        timestamp: int,
        *,
        more: bool,
        offset: int = 0,
    ) -> None:
        """Write ``frame`` to the receivers of ``matches``; ``more``: another event waits already.

        Then it may be kept until that comes or :meth:`flush` is called.
        """
        if not self._batch:
            self._matched_at = self._changes()
        self._batch.append(_Event(frame, matches, roles, timestamp, offset))
        self._meters.frames += len(matches)
        self._meters.bytes += len(matches) * len(frame)
        self._bytes += len(frame)
        if not more or len(self._batch) == BATCH_EVENTS or self._bytes >= BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what is kept.

        Connections may end or change between slices. Those that meanwhile lost the subscription, or all of
        an event's roles, do not get it any more.
        """
        if self._batch:
            async with self._turn:
                await self._write_batch()

    async def _write_batch(self) -> None:
        if not self._batch:
            return  # whoever had the turn before wrote it too
        batch, self._batch = self._batch, []
        self._bytes, size = 0, self._bytes
        changes = self._matched_at
        due = list(batch[0].matches) if len(batch) == 1 else list(_receivers(batch))
        start = 0
        while start < len(due):
            end = start + max(1, SLICE - self._writes)
            _write(batch, due[start:end], self._acknowledgements, recheck=self._changes() != changes)
            self._writes += end - start
            start = end
            if self._writes >= SLICE or size >= BATCH_BYTES:
                await asyncio.sleep(0)
                self._writes = 0
        moment = now()
        for event in batch:
            self._meters.latency.add((moment - event.timestamp) / 1000)


def _receivers(batch: Iterable[_Event]) -> dict[Receiver, None]:
    receivers: dict[Receiver, None] = {}
    for event in batch:
        receivers.update(dict.fromkeys(event.matches))
    return receivers


def _write(
    batch: Sequence[_Event], due: Sequence[Receiver], acknowledgements: Acknowledgements, *, recheck: bool
) -> None:
    if len(batch) == 1:
        event = batch[0]
        offset = event.offset
        for receiver in due:
            matched = event.matches[receiver]
            if not recheck or _is_still_due(receiver, matched, event):
                message = _message(event.frame, matched, receiver.window)
                if offset:
                    if receiver.round != acknowledgements.round:
                        message = acknowledgements.ask(receiver, message, offset)
                    receiver.sent = offset
                if receiver.direct:
                    receiver.transport.write(message)
                else:
                    receiver.send(message)
        return
    messages: defaultdict[Receiver, list[bytes]] = defaultdict(list)
    for event in batch:
        frame, matches = event.frame, event.matches
        for receiver in due:
            found = matches.get(receiver)
            if found is not None and (not recheck or _is_still_due(receiver, found, event)):
                messages[receiver].append(_message(frame, found, receiver.window))
    offset = max(event.offset for event in batch)
    for receiver, several in messages.items():
        message = b"".join(several)
        if offset:
            if receiver.round != acknowledgements.round:
                message = acknowledgements.ask(receiver, message, offset)
            receiver.sent = offset
        if receiver.direct:
            receiver.transport.write(message)
        else:
            receiver.send(message)


def _message(frame: EventFrame, matched: Matched, window: int) -> bytes:
    if isinstance(matched, Subscription):
        tail = matched.tail
        if window:
            heads = frame.compressed[window]
            if heads is not None:
                return heads[len(tail)] + tail + STORED_END
        return frame.heads[len(tail)] + tail
    return frame.message(subscription_tail(subscription.id for subscription in matched), window)


def _is_still_due(receiver: Receiver, matched: Matched, event: _Event) -> bool:
    """Whether a connection still holds a role of the event and every subscription that matched.

    One that was replaced meanwhile counts as held: its id is what the client knows. A connection that is
    replayed to, or was meanwhile, gets the event from the log.
    """
    if event.offset and (receiver.replay is not None or event.offset <= receiver.sent):
        return False
    if not holds_role(receiver, event.roles):
        return False
    held = receiver.subscriptions
    if isinstance(matched, Subscription):
        return matched.id in held
    for gone in [one for one in matched if one.id not in held]:
        del matched[gone]
    return bool(matched)
