"""The messages of one connection: read, and let through, delayed or refused by how many there are."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tidewire.core.json_bounds import STEP_BYTES, containers_in
from tidewire.core.json_steps import has_arrays, load_arrays
from tidewire.realtime.protocol.messages import (
    TOO_MUCH,
    Message,
    MessageError,
    Ping,
    Publish,
    Subscribe,
    SubscribeError,
    Unsubscribe,
    parse_in_steps,
    parse_message,
)
from tidewire.realtime.protocol.states import CloseStatus, State
from tidewire.realtime.runtime.loop_scheduler import PIECE_SECONDS
from tidewire.realtime.session.connection_limits import current_minute
from tidewire.realtime.wire.delays import Delayed
from tidewire.realtime.wire.flood import BYTES_A_UNIT, CONTAINERS_A_UNIT, TEXT_A_UNIT, Flow
from tidewire.realtime.wire.websocket import WebSocket
from tidewire.settings import Settings


class Refusals(NamedTuple):
    """The messages of a connection that were refused."""

    number: int
    code: int
    """Of the last one, as in its error frame."""
    message: str


@dataclass(frozen=True, slots=True)
class LongText:
    """A message that takes a while to understand, a ``subscribe`` of many rows perhaps, or one behind it."""

    text: str


SHORT_TEXT: Final = 256
"""Characters that cannot cost much, whatever they are."""
LONG_TEXT: Final = 4096
"""Characters that are understood at once."""


class Intake(WebSocket):
    """A socket that knows messages from text, and how many of them there may be."""

    __slots__ = ("_delayed", "_message_count", "_message_minute", "_not_understood", "refusals")

    def __init__(self, settings: Settings, siblings: set[Any], flow: Flow) -> None:
        super().__init__(settings, siblings, flow)
        self._delayed: Delayed | None = None
        """Frames over the limit that wait; None: there are none."""
        self._message_minute = 0
        self._message_count = 0
        self._not_understood = 0
        """Long messages whose turn has not come yet."""
        self.refusals: Refusals | None = None
        """None: no message was refused."""

    def handle(self, message: Message | MessageError | LongText) -> None:
        """Called with each message whose turn it is, or why it is refused."""
        raise NotImplementedError

    @property
    def is_program(self) -> bool:
        """Whether an API key was shown, whose messages are not counted, as its requests in REST are not."""
        raise NotImplementedError

    @property
    def is_unlimited(self) -> bool:
        """Whether it may send as much as it likes."""
        return super().is_unlimited or self.is_program

    def received(self, text: str) -> None:
        """Understand a message; a long one when it is its turn."""
        if len(text) > SHORT_TEXT:
            self.spend(containers_in(text) / CONTAINERS_A_UNIT)
        if len(text) > LONG_TEXT:
            self.spend(len(text) / BYTES_A_UNIT)
            self._understand_later(text)
            return
        try:
            message: Message | MessageError = parse_message(text, self._flow.terms)
        except MessageError as error:
            message = error.anew()
        if self._not_understood and isinstance(message, Subscribe | Unsubscribe):
            # What came before may have to wait, and then this waits behind it.
            self._understand_later(text)
            return
        admitted = self.admitted(message, text)
        if admitted is not None:
            self.handle(admitted)

    def _understand_later(self, text: str) -> None:
        self._not_understood += 1
        self.handle(LongText(text))

    async def admit_later(self, text: str) -> Message | MessageError | None:
        """Understand a long message whose turn it is, while others have theirs; then as :meth:`admitted`."""
        message = await self._read_in_steps(text)
        self._not_understood -= 1
        return self.admitted(message, text)

    async def _read_in_steps(self, text: str) -> Message | MessageError:
        if len(text) > STEP_BYTES and not has_arrays():
            await asyncio.to_thread(load_arrays)
        steps = parse_in_steps(text, self._flow.terms)
        while True:
            await self._flow.reading.turn()
            end = time.perf_counter() + PIECE_SECONDS
            try:
                while time.perf_counter() < end:
                    next(steps)
            except StopIteration as last:
                message: Message = last.value
                return message
            except MessageError as error:
                return error

    def refused(self, error: MessageError) -> None:
        """Count a message that was refused, in whole or in part."""
        before = self.refusals.number if self.refusals is not None else 0
        self.refusals = Refusals(before + 1, error.code, error.message)

    def count(self, more: int) -> None:
        """Count messages that were let through without."""
        self._message_count += more

    def forget_delayed(self) -> None:
        """The connection has ended."""
        if self._delayed is not None:
            self._delayed.cancel()
            self._delayed = None

    def admitted(self, message: Message | MessageError, text: str) -> Message | MessageError | None:
        """A message if it is within the limits, else its refusal; None: it waits, or has ended everything."""
        if isinstance(message, Subscribe | SubscribeError):
            self.spend(len(text) / TEXT_A_UNIT)
        elif self._is_too_large(text):
            self.close(CloseStatus.TOO_LARGE)
        if self.state is not State.OPEN:
            return None
        delayed = self._delayed
        if delayed is not None and isinstance(message, Subscribe):
            return None if delayed.add(message) else self._too_many()
        if delayed is not None and isinstance(message, Unsubscribe):
            return delayed.add_removals(message)
        if isinstance(message, Ping | Unsubscribe):
            return message
        if self._within_limit():
            if isinstance(message, Publish):
                self._message_count -= 1  # the rates of channels bound what is sent; refusals count here
            return message
        if isinstance(message, Subscribe):
            self._delayed = Delayed(self._settings, self._release_delayed)
            if self._delayed.add(message):
                return None
        return self._too_many()

    def _too_many(self) -> MessageError:
        most = self._settings.realtime_messages_per_minute
        message = f"At most {most} messages a minute are taken; try again in the next."
        return MessageError(TOO_MUCH, message, limit="messages a minute")

    def _release_delayed(self) -> None:
        """Do what had to wait."""
        delayed, self._delayed = self._delayed, None
        for message in delayed.messages if delayed is not None else ():
            self.handle(message)

    def _is_too_large(self, text: str) -> bool:
        most = self._settings.realtime_max_message_bytes
        return len(text) > most or (len(text) * 4 > most and len(text.encode()) > most)

    def _within_limit(self) -> bool:
        minute = current_minute()
        if minute != self._message_minute:
            self._message_minute, self._message_count = minute, 0
        self._message_count += 1
        settings = self._settings
        within = self._message_count <= settings.realtime_messages_per_minute
        return within or not settings.rate_limits or self.is_program
