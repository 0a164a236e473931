"""One WebSocket, from its ``connected`` frame to its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tidewire_client.errors import MESSAGE_TOO_BIG, POLICY_VIOLATION, RealtimeError, RefusedError, refusal
from tidewire_client.frames import (
    Connected,
    ErrorData,
    EventData,
    Frame,
    Pong,
    ResponseHead,
    SubscribeResponse,
    encode,
)

Deliver = Callable[[EventData], Awaitable[None]]


class Connection:
    """Requests and their responses, heartbeats, and events as they come."""

    def __init__(self, socket: ClientConnection, connected: Connected) -> None:
        self._socket = socket
        self._waiting: deque[tuple[str, object, asyncio.Future[msgspec.Raw]]] = deque()
        """What was asked for, oldest first: the type of the frame, its data, and the answer."""
        self._sending = asyncio.Lock()
        self.connected = connected
        self.last_offset = 0
        """Up to which everything has come, as far as that is known: of the latest event, or later."""

    @classmethod
    async def open(cls, socket: ClientConnection, seconds: float) -> Connection:
        """Wait for ``connected``. Raises :class:`RealtimeError`, :class:`TimeoutError`."""
        async with asyncio.timeout(seconds):
            frame = _frame(await _receive(socket))
        if frame.type == "error":
            error = msgspec.json.decode(frame.data, type=ErrorData)
            raise refusal(error.message, error.code)
        if frame.type != "connected":
            raise RealtimeError(f"The server began with {frame.type!r} instead of 'connected'.", 0)
        return cls(socket, msgspec.json.decode(frame.data, type=Connected))

    async def request(self, kind: str, data: object) -> msgspec.Raw:
        """Send a frame and wait for its response. Raises :class:`RealtimeError`."""
        return await (await self._send(kind, data))

    async def read(self, deliver: Deliver) -> None:
        """Read until the connection ends, which raises :class:`ConnectionClosed` or :class:`RefusedError`."""
        try:
            while True:
                frame = _frame(await _receive(self._socket))
                if frame.type == "event":
                    event = msgspec.json.decode(frame.data, type=EventData)
                    await deliver(event)
                    self.last_offset = max(self.last_offset, event.offset or 0)
                elif frame.type == "response":
                    self._answer(msgspec.json.decode(frame.data, type=ResponseHead).to, frame.data)
                elif frame.type == "pong":
                    self._take_pong(frame.data)
                elif frame.type == "error":
                    self._fail(msgspec.json.decode(frame.data, type=ErrorData))
        except ConnectionClosed as closed:
            too_big = closed.rcvd is not None and closed.rcvd.code == MESSAGE_TOO_BIG
            self._abandon(
                RealtimeError("The message is too large for the server.", MESSAGE_TOO_BIG)
                if too_big
                else None
            )
            raise
        finally:
            self._abandon()

    async def beat(self, seconds: float) -> None:
        """Ping every ``seconds``, as SDKs do: it keeps proxies from closing a quiet connection."""
        data = {"place": True} if self.connected.epoch else None
        while True:
            await asyncio.sleep(seconds)
            await self._send("ping", data)

    async def _send(self, kind: str, data: object) -> asyncio.Future[msgspec.Raw]:
        answer = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_retrieve)
        async with self._sending:  # responses are matched by the order of sending
            self._waiting.append((kind, data, answer))
            await self._socket.send(encode(kind, data))
        return answer

    def _take_pong(self, data: msgspec.Raw) -> None:
        if self.connected.epoch:
            # What happened beside the subscriptions, for however long, was not missed.
            self.last_offset = max(self.last_offset, msgspec.json.decode(data, type=Pong).offset)
        self._answer("ping", data)

    def _answer(self, kind: str, data: msgspec.Raw) -> None:
        for waiting in self._waiting:
            if waiting[0] == kind and (kind != "subscribe" or _answers(data, waiting[1])):
                self._waiting.remove(waiting)
                if not waiting[2].done():
                    waiting[2].set_result(data)
                return

    def _fail(self, error: ErrorData) -> None:
        """Errors name no request: they answer the one that has waited longest."""
        if self._waiting:
            _, _, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(RealtimeError(error.message, error.code))

    def _abandon(self, error: RealtimeError | None = None) -> None:
        for _, _, answer in self._waiting:
            if not answer.done():
                answer.set_exception(error or ConnectionResetError("the connection ended before the answer"))
        self._waiting.clear()


async def _receive(socket: ClientConnection) -> str | bytes:
    try:
        return await socket.recv()
    except ConnectionClosed as closed:
        if closed.rcvd is not None and closed.rcvd.code == POLICY_VIOLATION:
            reason = closed.rcvd.reason or "The server refuses the connection."
            raise RefusedError(reason, POLICY_VIOLATION) from None
        raise


def _answers(response: msgspec.Raw, rows: object) -> bool:
    """Whether a response to ``subscribe`` is for these rows.

    A frame that was refused in part is answered by an error and then by a response. The error is taken for
    its answer; the response may come when another ``subscribe`` waits already, and is for nobody then.
    """
    confirmed = msgspec.json.decode(response, type=SubscribeResponse).subscriptions
    return isinstance(rows, list) and [each["subscriptionId"] for each in rows] == [
        each.subscription_id for each in confirmed
    ]


def _frame(text: str | bytes) -> Frame:
    try:
        return msgspec.json.decode(text, type=Frame)
    except msgspec.DecodeError as error:
        raise RealtimeError(f"The server sent what is not a frame: {error}", 0) from None


def _retrieve(answer: asyncio.Future[msgspec.Raw]) -> None:
    """An error that nobody waits for any more (of a ping, of a cancelled request) is not worth a warning."""
    if not answer.cancelled():
        answer.exception()
