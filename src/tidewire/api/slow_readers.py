"""Slow readers: clients that do not take their answers as fast as these are written.

What waits for such a client is counted, together with what waits for others, and the client is cut off if it
takes too little of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tidewire.api.unread_answers import Unread, UnreadAnswers
from tidewire.core.addresses import network_of
from tidewire.realtime.wire.socket import unacknowledged_bytes

LEAST_PROGRESS: Final = 64 * 1024
"""Bytes that a client has to take of what waits for it, within the time that it has."""


class SlowReader:
    """What one connection has still to be sent, from the first time that its client falls behind."""

    def __init__(
        self,
        transport: asyncio.Transport,
        address: str,
        unread: UnreadAnswers,
        seconds: float,
        tell: Callable[[str, str], None],
    ) -> None:
        """``seconds``: the time that the client has to take :data:`LEAST_PROGRESS` of what waits for it.

        ``tell`` is called with the limit at which the client is cut off, and with the reason in words.
        """
        self._transport = transport
        self._address = address
        self._all_unread = unread
        self._seconds = seconds
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._unread: Unread | None = None
        """The bytes that count as unread; None while the client reads as fast as it is sent to."""
        self._timer: asyncio.TimerHandle | None = None

    def falls_behind(self) -> None:
        """Count what waits for the client from now on."""
        network = network_of(self._address) if self._address else ""
        self._unread = Unread(network, self._transport.get_write_buffer_size(), self._cut_off)
        self._all_unread.add(self._unread)
        self.expect_progress()

    def catches_up(self) -> None:
        """Count nothing any more, and stop the timer: the client has everything, or the connection ends."""
        if self._unread is not None:
            self._all_unread.remove(self._unread)
            self._unread = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def expect_progress(self) -> None:
        """Make sure that the client takes what waits for it, or end the connection."""
        if self._timer is None and self._transport.get_write_buffer_size():
            self._timer = self._loop.call_later(self._seconds, self._look_at_progress, self._untaken())

    def _cut_off(self) -> None:
        self._tell("unread answers", "The client reads no answers, and too many bytes of such wait.")
        self._loop.call_soon(self._transport.abort)

    def _untaken(self) -> int:
        """Bytes that the client's machine has not taken, wherever they are on this one."""
        return self._transport.get_write_buffer_size() + (unacknowledged_bytes(self._transport) or 0)

    def _look_at_progress(self, before: int) -> None:
        self._timer = None
        if self._untaken() > max(0, before - LEAST_PROGRESS):
            self._tell("seconds of an answer", f"Too little of it was read in {self._seconds} s.")
            self._transport.abort()
        else:
            self.expect_progress()
