"""A question of one process to another, over a connection of its own that ends with the answer.

So an answer of any size holds up no other frames between the processes, and a process that dies before it has
answered is noticed at once.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

import structlog

from tidewire.bus.contract import Answer

MARK: Final = b"?"
"""Begins the first frame of such a connection; the name of a process cannot begin so."""
ANSWER_SECONDS: Final = 2.0
"""How long an answer is waited for."""
MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes of one frame, whatever it is for; nothing that is sent comes near."""
PREFIX: Final = 4
"""Bytes before a frame that tell its length."""

_log: Final = structlog.get_logger(__name__)


def framed(frame: bytes) -> bytes:
    """A frame as it is sent."""
    return len(frame).to_bytes(PREFIX, "big") + frame


async def ask(connected: socket.socket, question: bytes) -> bytes:
    """Put a question over a connection, which is closed then.

    Raises TimeoutError, another OSError, or EOFError if the process ends or cannot answer.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_unix_connection(sock=connected, limit=1024 * 1024)
        try:
            writer.write(framed(MARK + question))
            length = int.from_bytes(await reader.readexactly(PREFIX), "big")
            if length > MAX_FRAME:
                raise OSError("the answer is too long")
            return await reader.readexactly(length)
        finally:
            writer.transport.abort()


async def answer(transport: asyncio.Transport, question: bytes, find: Answer) -> None:
    """Send what ``find`` makes of a question, if it can; end the connection either way."""
    try:
        found = await find(question)
    except Exception:
        _log.exception("question of another process not answered")
        transport.abort()
        return
    transport.write(framed(found))
    transport.close()
    # An answer that is not read is not kept.
    asyncio.get_running_loop().call_later(ANSWER_SECONDS, _abort, transport)


def _abort(transport: Any) -> None:
    transport.abort()
