"""What code writes: bounded, the end kept, and read no faster than the server can bear."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

import msgspec

from tidewire.functions.contract import ERRORS_TRUNCATED, MAX_LOG_CHARACTERS, TRUNCATED

_PIECE: Final = 64 * 1024
_LINE_BYTES: Final = 256 * 1024
"""The most bytes of a record: enough for a message of 8,000 characters, however they are escaped."""
_RATE: Final = 8 * 2**20
"""Bytes a second that are read of one pipe; whoever writes more waits."""


class Tail:
    """Text of which the end is kept; then ``warning`` stands before it, and counts among the characters."""

    def __init__(self, characters: int = MAX_LOG_CHARACTERS, warning: str = TRUNCATED) -> None:
        self._characters = characters
        self._warning = warning
        self._pieces: deque[str] = deque()
        self._length = 0
        self._cut = False

    def add(self, text: str) -> None:
        """Append; the oldest pieces are dropped when the others suffice."""
        self._pieces.append(text)
        self._length += len(text)
        while self._length - len(self._pieces[0]) >= self._characters:
            self._length -= len(self._pieces.popleft())
            self._cut = True

    def __str__(self) -> str:
        text = "".join(self._pieces)
        if len(text) <= self._characters and not self._cut:
            return text
        return self._warning + text[-(self._characters - len(self._warning)) :]


class Pipe:
    """The reading end of a pipe to which code writes. It is closed when nothing comes any more."""

    def __init__(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._second = 0.0
        self._read = 0
        self._loop.add_reader(descriptor, self._ready)

    def drain(self) -> None:
        """Take what has arrived. Costs a read when there is nothing."""
        for _ in range(16):
            if not self._once():
                return

    def close(self) -> None:
        """Nothing is read any more."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def _once(self) -> bool:
        if not self._open:
            return False
        try:
            data = os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return False
        if not data:
            self.close()
            return False
        self._read += len(data)
        self._take(data)
        return len(data) == _PIECE

    def _ready(self) -> None:
        now = self._loop.time()
        if now - self._second >= 1:
            self._second, self._read = now, 0
        self._once()
        if self._open and self._read > _RATE:
            self._loop.remove_reader(self._descriptor)
            self._loop.call_at(self._second + 1, self._resume)

    def _resume(self) -> None:
        if self._open:
            self._loop.add_reader(self._descriptor, self._ready)


class _Record(msgspec.Struct):
    id: str
    kind: Literal["log", "error"]
    text: str


class Written:
    """Logs and errors of one execution."""

    def __init__(self) -> None:
        self.log = Tail()
        self.error = Tail(warning=ERRORS_TRUNCATED)


class LogRecords:
    """Takes the records that a shim writes, a JSON object in a line, to the executions that they are of."""

    def __init__(self) -> None:
        self._executions: dict[str, Written] = {}
        self._received = bytearray()
        self._decode = msgspec.json.Decoder(_Record).decode

    def open(self, execution: str) -> Written:
        """Begin to keep what is written for an execution."""
        written = self._executions[execution] = Written()
        return written

    def forget(self, execution: str) -> None:
        """What comes of it from now on is dropped."""
        del self._executions[execution]

    def take(self, data: bytes) -> None:
        """The next bytes of the pipe. What is no record is dropped: the code may write there too."""
        self._received += data
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            with suppress(msgspec.DecodeError):
                record = self._decode(line)
                if (written := self._executions.get(record.id)) is not None:
                    (written.log if record.kind == "log" else written.error).add(record.text + "\n")
        if len(self._received) > _LINE_BYTES:
            self._received.clear()
