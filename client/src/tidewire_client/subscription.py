"""A subscription: what is asked for, and the events that came for it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self

import msgspec

from tidewire_client.errors import RealtimeError
from tidewire_client.events import Event, Payload, Position
from tidewire_client.frames import EventData, SubscribeResponse

if TYPE_CHECKING:
    from tidewire_client.realtime import Realtime

CAPACITY = 10_000
"""Events kept for a subscriber that falls behind; after that the socket is not read until it catches up."""

Query = str | dict[str, Any]
"""A query as the SDKs' ``Query`` class makes it (JSON text), or the object itself."""

_log = logging.getLogger("tidewire_client")


class Subscription(Generic[Payload]):
    """Events on some channels, in the order of their commits; an asynchronous iterator.

    After a lost connection a Tidewire server sends what was missed, and events that come twice are dropped.
    Where that cannot be, ``on_gap`` is called and :attr:`gaps` counts: read again what you show.
    """

    def __init__(
        self,
        realtime: Realtime,
        subscription_id: str,
        channels: Iterable[str],
        queries: Iterable[Query],
        payload_type: Any,
        since: Position | None,
        on_gap: Callable[[], object] | None,
    ) -> None:
        self._realtime = realtime
        self._payload_type = payload_type
        self._on_gap = on_gap
        self._events: deque[Event[Payload]] = deque()
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._active = asyncio.Event()
        self._live_from = 0
        self._was_active = False
        self._error: Exception | None = None
        self._closed = False
        self.id = subscription_id
        self.channels = list(channels)
        self.queries = [_text(query) for query in queries]
        self.position = since
        """Where it would be resumed: everything up to here was received."""
        self.gaps = 0
        """How often events may have been missed."""

    async def active(self) -> Self:
        """Wait until the server has confirmed it. Raises :class:`RealtimeError` if it is refused."""
        await self._active.wait()
        if self._error:
            raise self._error
        return self

    def update(self, channels: Iterable[str] | None = None, queries: Iterable[Query] | None = None) -> None:
        """Ask for other channels or queries from now on."""
        if channels is not None:
            self.channels = list(channels)
        if queries is not None:
            self.queries = [_text(query) for query in queries]
        self._realtime.change(self)

    def close(self) -> None:
        """Unsubscribe; the iteration ends after the events that have arrived."""
        self._closed = True
        self._wake()
        self._realtime.remove(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event[Payload]:
        while not self._events:
            if self._error:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            self._readable.clear()
            await self._readable.wait()
        event = self._events.popleft()
        self._writable.set()
        return event

    async def __aenter__(self) -> Self:
        return await self.active()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What follows is for the connection.

    def row(self) -> dict[str, Any]:
        """The subscription as the ``subscribe`` frame wants it."""
        row: dict[str, Any] = {
            "subscriptionId": self.id,
            "channels": self.channels,
            "queries": self.queries,
        }
        if self.position and not self._active.is_set():
            row["since"] = {"offset": self.position.offset, "epoch": self.position.epoch}
        return row

    def confirm(self, answer: SubscribeResponse, recovered: bool | None = None, *, resumed: bool) -> None:
        """The server has it; ``resumed`` if it was asked to go on from :attr:`position`."""
        back = self._was_active and not self._active.is_set()
        gap = recovered is False or (back and not resumed)
        # What was asked for anew may still be on its way: it is not taken for received.
        if answer.epoch and (gap or self.position is None):
            self.position = Position(answer.epoch, answer.offset)
        self._live_from = answer.offset
        self._was_active = True
        self._active.set()
        if gap:
            self.gaps += 1
            if self._on_gap:
                self._on_gap()

    def fail(self, error: Exception) -> None:
        """It ends with an error, after the events that have arrived."""
        self._error = error
        self._wake()

    def disconnected(self, last_offset: int) -> None:
        """The connection ended; ``last_offset`` is that of its latest event.

        Events come in order, so that one after all that were replayed stands for all before it.
        """
        self._active.clear()
        if self.position and last_offset > max(self._live_from, self.position.offset):
            self.position = Position(self.position.epoch, last_offset)

    async def deliver(self, data: EventData, epoch: str) -> None:
        """Take an event, waiting while the subscriber is too far behind."""
        position = Position(epoch, data.offset) if epoch and data.offset else None
        latest = self.position
        if position and latest and latest.epoch == epoch and position.offset <= latest.offset:
            return
        while len(self._events) >= CAPACITY and not self._closed:
            self._writable.clear()
            await self._writable.wait()
        if self._closed or self._error:
            return
        try:
            payload = msgspec.json.decode(data.payload, type=self._payload_type)
        except msgspec.ValidationError as error:
            self.fail(RealtimeError(f"The payload of {data.events[0]} has another form: {error}", 0))
            return
        # Only now: if the connection ended while it waited, the event has to come again.
        self.position = position or latest
        self._events.append(Event(data.events, data.channels, payload, data.timestamp, position))
        self._readable.set()

    async def call(self, callback: Callable[[Event[Payload]], object]) -> None:
        """Call a function, which may be asynchronous, with each event; what it raises is logged."""
        async for event in self:
            try:
                result = callback(event)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                _log.exception("the callback of a subscription to %s failed", ", ".join(self.channels))

    def _wake(self) -> None:
        self._readable.set()
        self._writable.set()
        self._active.set()


def _text(query: Query) -> str:
    return query if isinstance(query, str) else msgspec.json.encode(query).decode()
