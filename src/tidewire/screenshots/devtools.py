"""The Chrome DevTools Protocol over pipes: calls, results and events, each ended by a zero byte."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from tidewire.screenshots.contract import ScreenshotError

Listener = Callable[[dict[str, Any]], None]

PIECE_BYTES: Final = 64 * 1024
"""What is read of the browser at once."""
_RESULT: Final = b'{"id":'
_RESULT_BYTES: Final = 96 * 2**20
"""The most bytes of a result: a picture of many pixels, as text."""
_EVENT_BYTES: Final = 64 * 1024
"""The most bytes of an event. Larger ones are passed over without being kept: a page decides what is in them,
such as the addresses that it opens, and could keep the server busy by their size."""


class DevTools:
    """One browser that is controlled."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, Listener] = {}
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the browser has ended, or cannot be listened to any longer."""
        self._reading = asyncio.create_task(self._read())

    async def call(
        self, method: str, parameters: dict[str, Any] | None = None, session: str = ""
    ) -> dict[str, Any]:
        """The result of a method. Raises ScreenshotError if it fails, or the browser ends."""
        number = next(self._numbers)
        result: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = result
        try:
            self._send(number, method, parameters or {}, session)
            return await result
        finally:
            del self._waiting[number]

    def tell(self, method: str, parameters: dict[str, Any], session: str) -> None:
        """Call a method whose result nobody waits for."""
        self._send(next(self._numbers), method, parameters, session)

    def listen(self, event: str, listener: Listener) -> None:
        """Call ``listener`` with what each event of this name tells."""
        self._listeners[event] = listener

    async def close(self) -> None:
        """Stop reading."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()

    def _send(self, number: int, method: str, parameters: dict[str, Any], session: str) -> None:
        if self.ended.done() or self._writer.is_closing():
            raise ScreenshotError("the browser ended")
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._writer.write(msgspec.json.encode(message) + b"\0")

    async def _read(self) -> None:
        reason = "the browser ended"
        try:
            async for text in self._messages():
                message = msgspec.json.decode(text)
                if "id" in message:
                    self._answered(message)
                elif message.get("method") in self._listeners:
                    with suppress(ScreenshotError):  # of what it tells the browser, which has ended
                        self._listeners[message["method"]](message.get("params", {}))
        except OSError:
            pass
        except (ValueError, msgspec.DecodeError) as error:
            reason = f"the browser says too much: {error}"
        finally:
            self.ended.set_result(None)
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ScreenshotError(reason))

    async def _messages(self) -> AsyncIterator[bytes]:
        """What the browser says, but for events that are too large. Raises ValueError for such a result."""
        message = bytearray()
        passed_over = False
        while data := await self._reader.read(PIECE_BYTES):
            *ends, begin = data.split(b"\0")
            for end in ends:
                if not passed_over:
                    yield bytes(message + end)
                passed_over = False
                message.clear()
            if passed_over:
                continue
            message += begin
            if message.startswith(_RESULT):
                if len(message) > _RESULT_BYTES:
                    raise ValueError("a result is too large")
            elif len(message) > _EVENT_BYTES:
                passed_over = True
                message.clear()

    def _answered(self, message: dict[str, Any]) -> None:
        waiting = self._waiting.get(message["id"])
        if waiting is None or waiting.done():
            return
        if "error" in message:
            waiting.set_exception(ScreenshotError(str(message["error"].get("message"))))
        else:
            waiting.set_result(message.get("result", {}))
