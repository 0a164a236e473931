"""The time that a time server tells (SNTP, RFC 4330)."""

from __future__ import annotations

import asyncio
import struct
import time
from typing import Final, cast

_PORT: Final = 123
_SECONDS_FROM_1900_TO_1970: Final = 2_208_988_800
_QUESTION: Final = bytes([0b00_100_011]) + bytes(47)
"""Version 4, from a client."""
_FRACTIONS: Final = 2**32


class NoTimeError(Exception):
    """A time server that tells no time."""


async def remote_time(server: str, seconds: float) -> float:
    """The time that ``server`` (``host`` or ``host:port``) tells, seconds since the epoch.

    Raises :class:`NoTimeError`.
    """
    host, separator, port = server.rpartition(":")
    if not separator or not port.isdigit() or host.endswith(":"):
        host, port = server, str(_PORT)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()
    asked = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Question(answer), remote_addr=(host.strip("[]"), int(port))
            )
            try:
                told = _time_in(await answer)
            finally:
                transport.close()
    except TimeoutError:
        raise NoTimeError(f"the time server {server} does not answer") from None
    except OSError as error:
        raise NoTimeError(f"the time server {server} cannot be asked: {error}") from None
    # The answer was on its way for half of the time that we waited for it.
    return told + (time.monotonic() - asked) / 2


class _Question(asyncio.DatagramProtocol):
    def __init__(self, answer: asyncio.Future[bytes]) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.DatagramTransport", transport).sendto(_QUESTION)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - the interface of asyncio
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)


def _time_in(answer: bytes) -> float:
    if len(answer) < len(_QUESTION):
        raise NoTimeError("the answer of the time server is too short")
    whole, fraction = struct.unpack("!II", answer[40:48])
    if not whole:
        raise NoTimeError("the time server does not know the time")
    return float(whole - _SECONDS_FROM_1900_TO_1970 + fraction / _FRACTIONS)
