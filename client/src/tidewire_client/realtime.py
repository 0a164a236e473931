"""The client: keeps a connection, with what is subscribed to over it."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from tidewire_client.connection import Connection
from tidewire_client.credentials import Credentials, Jwt, realtime_address
from tidewire_client.errors import RealtimeError, RefusedError, UnsupportedError
from tidewire_client.events import Event, Message, Position
from tidewire_client.frames import EventData, PublishResponse, SubscribeResponse
from tidewire_client.subscription import Query, Subscription

HEARTBEAT_SECONDS: Final = 20.0
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
BATCH_BYTES: Final = 48_000
"""Of the subscriptions sent in one message; servers take 64,000."""
_NOT_FOUND: Final = 404
CONNECT_SECONDS: Final = 20.0
"""For one attempt, ``connected`` included."""
FIRST_DELAY_SECONDS: Final = 0.25
LONGEST_DELAY_SECONDS: Final = 30.0

T = TypeVar("T")
Callback = Callable[[Event[T]], object]

_log = logging.getLogger("tidewire_client")
_PASSING = (OSError, TimeoutError, WebSocketException, RealtimeError)


class Realtime:
    """Subscriptions of one program to one project, over one WebSocket that is opened again when it ends.

    ``endpoint`` and ``project`` as for any SDK; one of ``session``, ``jwt``, ``key``, or none for a guest.
    ``first_seconds`` is how long entering the block tries to connect before it raises the last error.
    A refusal (:class:`RefusedError`) ends all subscriptions; anything else is tried again, after a
    random share of a delay that doubles up to half a minute, so that not all clients come back at once.
    """

    def __init__(
        self,
        endpoint: str,
        project: str,
        *,
        session: str = "",
        jwt: Jwt = "",
        key: str = "",
        dev_key: str = "",
        first_seconds: float = 20.0,
    ) -> None:
        self._address = realtime_address(endpoint, project)
        self._credentials = Credentials(session, jwt, key, dev_key)
        self._first_seconds = first_seconds
        self._subscriptions: dict[str, Subscription[Any]] = {}
        self._changed: dict[str, None] = {}
        self._removed: dict[str, None] = {}
        self._presence: dict[str, Any] | None = None
        self._changes = asyncio.Event()
        self._open = asyncio.Event()
        self._connection: Connection | None = None
        self._problem: BaseException | None = None
        self._runner: asyncio.Task[None] | None = None
        self._callbacks: set[asyncio.Task[None]] = set()
        self.user: dict[str, Any] | None = None
        """The account of the user, as the server said at the latest connect."""

    async def __aenter__(self) -> Self:
        self._runner = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(self._first_seconds):
                await self._open.wait()
        except TimeoutError:
            await self.aclose()
            raise self._problem or TimeoutError("the server did not answer") from None
        except BaseException:
            await self.aclose()
            raise
        if self._problem:
            await self.aclose()
            raise self._problem
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the connection and all subscriptions."""
        for subscription in list(self._subscriptions.values()):
            subscription.close()
        tasks = [*self._callbacks, *([self._runner] if self._runner else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._runner = None

    @overload
    def subscribe(
        self,
        channels: str | Iterable[str],
        *,
        queries: Iterable[Query] = (),
        callback: Callback[dict[str, Any]] | None = None,
        since: Position | None = None,
        on_gap: Callable[[], object] | None = None,
    ) -> Subscription[dict[str, Any]]: ...

    @overload
    def subscribe(
        self,
        channels: str | Iterable[str],
        *,
        payload: type[T],
        queries: Iterable[Query] = (),
        callback: Callback[T] | None = None,
        since: Position | None = None,
        on_gap: Callable[[], object] | None = None,
    ) -> Subscription[T]: ...

    def subscribe(
        self,
        channels: str | Iterable[str],
        *,
        payload: Any = dict[str, Any],
        queries: Iterable[Query] = (),
        callback: Callback[Any] | None = None,
        since: Position | None = None,
        on_gap: Callable[[], object] | None = None,
    ) -> Subscription[Any]:
        """Receive events on ``channels``; all ``queries`` must hold.

        ``payload`` is a dataclass, ``TypedDict`` or ``msgspec.Struct`` that payloads are checked against
        and made into. With a ``callback`` each event is given to it; else iterate over what is returned.
        ``since`` is the position of an event that was received earlier: what came after it is sent first.
        """
        subscription: Subscription[Any] = Subscription(
            self,
            secrets.token_hex(10),
            [channels] if isinstance(channels, str) else channels,
            queries,
            payload,
            since,
            on_gap,
        )
        self._subscriptions[subscription.id] = subscription
        self.change(subscription)
        if callback:
            task = asyncio.create_task(subscription.call(callback))
            self._callbacks.add(task)
            task.add_done_callback(self._callbacks.discard)
        return subscription

    async def publish(
        self, channel: str, payload: dict[str, Any], *, idempotency_key: str = "", seconds: float = 30.0
    ) -> Message:
        """Publish on the custom channel ``channel`` (its name, without ``channels.``).

        A message whose connection ends before the answer is sent again, under the same idempotency key,
        so that it is published once. Raises :class:`RealtimeError`; :class:`TimeoutError` after ``seconds``.
        """
        row = {
            "channel": channel,
            "payload": payload,
            "idempotencyKey": idempotency_key or secrets.token_hex(10),
        }
        async with asyncio.timeout(seconds):
            answer = await self._request("publish", [row], "Publishing")
        published = msgspec.json.decode(answer, type=PublishResponse).messages[0]
        return Message(published.id, published.channel, published.offset)

    async def set_presence(
        self,
        status: str,
        *,
        metadata: dict[str, Any] | None = None,
        permissions: Iterable[str] | None = None,
    ) -> None:
        """Tell that the user is around, now and after each reconnect, until the connection is closed."""
        presence: dict[str, Any] = {"status": status}
        if metadata is not None:
            presence["metadata"] = metadata
        if permissions is not None:
            presence["permissions"] = list(permissions)
        async with asyncio.timeout(30):
            await self._request("presence", presence)
        self._presence = presence

    # What follows is for subscriptions.

    def change(self, subscription: Subscription[Any]) -> None:
        """A subscription is new or has changed."""
        self._changed[subscription.id] = None
        self._changes.set()

    def remove(self, subscription: Subscription[Any]) -> None:
        """A subscription is no longer wanted."""
        if self._subscriptions.pop(subscription.id, None):
            self._changed.pop(subscription.id, None)
            self._removed[subscription.id] = None
            self._changes.set()

    async def _request(self, kind: str, data: object, extension: str = "") -> msgspec.Raw:
        """Send a request on this connection, or on the next if it ends before the answer."""
        while True:
            await self._open.wait()
            connection = self._connection
            if connection is None:
                raise self._problem or ConnectionError("the client is closed")
            if extension and not connection.connected.epoch:
                raise UnsupportedError(extension)
            with suppress(ConnectionError, WebSocketException):
                return await connection.request(kind, data)
            await asyncio.sleep(FIRST_DELAY_SECONDS)

    async def _run(self) -> None:
        """Connect, hold the connection, and connect again, until it is refused or the client is closed."""
        attempts = 0
        is_told = False
        while True:
            was_open = False
            try:
                async with self._socket(await self._credentials.headers()) as socket:
                    connection = await Connection.open(socket, CONNECT_SECONDS)
                    self._check(connection)
                    attempts, is_told, was_open = 0, False, True
                    await self._hold(connection)
            except RefusedError as error:
                return self._end(error)
            except _PASSING as error:
                if isinstance(error, InvalidStatus) and error.response.status_code == _NOT_FOUND:
                    text = f"There is no realtime endpoint at {self._address.partition('?')[0]}."
                    return self._end(RefusedError(text, _NOT_FOUND))
                self._problem = error
                # Once an outage: programs that wait in silence look as if they worked.
                level = logging.INFO if was_open or is_told else logging.WARNING
                is_told = is_told or not was_open
                _log.log(level, "no realtime connection to %s: %s", self._address.partition("?")[0], error)
            except Exception as error:
                return self._end(error)
            await asyncio.sleep(_delay(attempts))
            attempts += 1

    def _socket(self, headers: dict[str, str]) -> connect:
        return connect(
            self._address,
            additional_headers=headers,
            open_timeout=CONNECT_SECONDS,
            ping_interval=HEARTBEAT_SECONDS,
            ping_timeout=2 * HEARTBEAT_SECONDS,
            max_size=MAX_FRAME_BYTES,
        )

    def _check(self, connection: Connection) -> None:
        """Servers make who they do not know a guest; a program that says who it is wants to know of that."""
        if self._credentials.of_user and not connection.connected.user:
            raise RefusedError("The session or token is not valid here, or has expired.", 401)
        if self._credentials.key and not connection.connected.epoch:
            raise UnsupportedError("Realtime with an API key")
        if self._credentials.key and not connection.connected.program:
            raise RefusedError(
                "The API key is not one of this project, or lacks the scope realtime.read.", 401
            )

    async def _hold(self, connection: Connection) -> None:
        self._connection, self._problem = connection, None
        self.user = connection.connected.user
        self._changed = dict.fromkeys(self._subscriptions)
        self._removed.clear()
        self._changes.set()
        self._open.set()
        try:
            await _first(
                connection.read(self._deliver), connection.beat(HEARTBEAT_SECONDS), self._keep(connection)
            )
        finally:
            self._open.clear()
            self._connection = None
            for subscription in self._subscriptions.values():
                subscription.disconnected(connection.last_offset)

    async def _keep(self, connection: Connection) -> None:
        """Tell the server what is wanted: all of it on a new connection, then what changes."""
        if self._presence:
            await connection.request("presence", self._presence)
        while True:
            await self._changes.wait()
            self._changes.clear()
            removed, self._removed = list(self._removed), {}
            changed, self._changed = list(self._changed), {}
            wanted = [self._subscriptions[each] for each in changed if each in self._subscriptions]
            if removed:
                await connection.request("unsubscribe", [{"subscriptionId": each} for each in removed])
            for batch in _batches(wanted):
                await self._subscribe(connection, batch)

    async def _subscribe(self, connection: Connection, wanted: list[Subscription[Any]]) -> None:
        """Subscribe in one frame; if it is refused, one by one, to know which one is at fault."""
        rows = [subscription.row() for subscription in wanted]
        try:
            answer = await connection.request("subscribe", rows)
        except RealtimeError as error:
            if len(wanted) > 1:
                for subscription in wanted:
                    await self._subscribe(connection, [subscription])
            else:
                self._subscriptions.pop(wanted[0].id, None)
                wanted[0].fail(error)
            return
        confirmed = msgspec.json.decode(answer, type=SubscribeResponse)
        for subscription, row, sent in zip(wanted, confirmed.subscriptions, rows, strict=True):
            subscription.confirm(confirmed, row.recovered, resumed="since" in sent)

    async def _deliver(self, data: EventData) -> None:
        assert self._connection is not None
        for subscription_id in data.subscriptions:
            if subscription := self._subscriptions.get(subscription_id):
                await subscription.deliver(data, self._connection.connected.epoch)

    def _end(self, error: Exception) -> None:
        """Nothing will come any more: every subscription ends with ``error``."""
        self._problem = error
        for subscription in self._subscriptions.values():
            subscription.fail(error)
        self._open.set()


def _batches(wanted: list[Subscription[Any]]) -> list[list[Subscription[Any]]]:
    """Subscriptions that fit into one message each time."""
    batches: list[list[Subscription[Any]]] = []
    size = BATCH_BYTES
    for subscription in wanted:
        row = len(msgspec.json.encode(subscription.row()))
        size += row
        if size > BATCH_BYTES:
            batches.append([])
            size = row
        batches[-1].append(subscription)
    return batches


def _delay(attempts: int) -> float:
    """Seconds until the next attempt: a random share, so that not all clients of a server come at once."""
    return random.uniform(0, min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(attempts, 10)))  # noqa: S311


async def _first(*steps: Coroutine[Any, Any, None]) -> None:
    """Run ``steps`` until one ends, and raise what it raised."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
