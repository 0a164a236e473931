"""Messages of one connection: parsed, and then admitted, delayed or refused by how many there are."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Final, NamedTuple

from tidewire.core.json_bounds import STEP_BYTES, containers_in
from tidewire.core.json_steps import has_arrays, load_arrays
from tidewire.realtime.protocol.errors import TOO_MUCH, MessageError, SubscribeError
from tidewire.realtime.protocol.messages import Message, Ping, Publish, Subscribe, Unsubscribe
from tidewire.realtime.protocol.parsing import parse_in_steps, parse_message
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.runtime.loop_scheduler import PIECE_SECONDS
from tidewire.realtime.session.connection_limits import current_minute
from tidewire.realtime.session.delayed_subscribes import DelayedSubscribes
from tidewire.realtime.session.services import Services
from tidewire.realtime.wire.budgets import BYTES_A_UNIT, CONTAINERS_A_UNIT, TEXT_A_UNIT
from tidewire.realtime.wire.contract import Wire, WireUser


class Refusals(NamedTuple):
    """The messages of a connection that were refused."""

    number: int
    code: int
    """The code of the last refusal, as in its error message."""
    message: str


@dataclass(frozen=True, slots=True)
class LongText:
    """A message that takes a while to parse, or one that must wait behind such a message."""

    text: str


SHORT_TEXT: Final = 256
"""Characters that cannot cost much, whatever the message is."""
LONG_TEXT: Final = 4096
"""Characters that are parsed at once."""


class MessageReader(WireUser):
    """The part of a session that understands messages, and limits how many of them there may be."""

    __slots__ = (
        "_delayed", "_message_count", "_message_minute", "_not_parsed", "refusals", "services", "wire",
    )  # fmt: skip

    def __init__(self, services: Services, wire: Wire) -> None:
        super().__init__()
        self.services = services
        self.wire = wire
        self._delayed: DelayedSubscribes | None = None
        """Messages over the limit that wait; None if there are none."""
        self._message_minute = 0
        """The minute that messages were counted in last."""
        self._message_count = 0
        self._not_parsed = 0
        """Long messages that are not parsed yet."""
        self.refusals: Refusals | None = None
        """The messages that were refused; None if none was."""

    @abstractmethod
    def handle(self, message: Message | MessageError | LongText) -> None:
        """Handle a message whose turn it is, or the reason for which it is refused."""

    @property
    @abstractmethod
    def has_api_key(self) -> bool:
        """Whether an API key was shown; its messages are not counted, as its requests by REST are not."""

    @property
    def is_unlimited(self) -> bool:
        """See :class:`WireUser`."""
        return not self.services.settings.rate_limits or self.has_api_key

    def received(self, text: str) -> None:
        """Parse a message; a long one when it is its turn."""
        if len(text) > SHORT_TEXT:
            self.wire.spend(containers_in(text) / CONTAINERS_A_UNIT)
        if len(text) > LONG_TEXT:
            self.wire.spend(len(text) / BYTES_A_UNIT)
            self._parse_later(text)
            return
        try:
            message: Message | MessageError = parse_message(text, self.services.terms)
        except MessageError as error:
            message = error.anew()
        if self._not_parsed and isinstance(message, Subscribe | Unsubscribe):
            # What came before may have to wait, and then this waits behind it.
            self._parse_later(text)
            return
        admitted = self.admitted(message, text)
        if admitted is not None:
            self.handle(admitted)

    def _parse_later(self, text: str) -> None:
        self._not_parsed += 1
        self.handle(LongText(text))

    async def admit_later(self, long: LongText) -> Message | MessageError | None:
        """Parse a long message whose turn it is, a little at a time; then as :meth:`admitted`."""
        message = await self._read_in_steps(long.text)
        self._not_parsed -= 1
        return self.admitted(message, long.text)

    async def _read_in_steps(self, text: str) -> Message | MessageError:
        if len(text) > STEP_BYTES and not has_arrays():
            await asyncio.to_thread(load_arrays)
        steps = parse_in_steps(text, self.services.terms)
        while True:
            await self.services.reading.turn()
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
        """Count messages that were admitted without being counted."""
        self._message_count += more

    def forget_delayed(self) -> None:
        """The connection has ended."""
        if self._delayed is not None:
            self._delayed.cancel()
            self._delayed = None

    def admitted(self, message: Message | MessageError, text: str) -> Message | MessageError | None:
        """A message within the limits, or its refusal; None: it waits, or has ended the connection."""
        if isinstance(message, Subscribe | SubscribeError):
            self.wire.spend(len(text) / TEXT_A_UNIT)
        elif self._is_too_large(text):
            self.close(CloseStatus.TOO_LARGE)
        if not self.wire.is_open():
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
            self._delayed = DelayedSubscribes(self.services.settings, self._release_delayed)
            if self._delayed.add(message):
                return None
        return self._too_many()

    def _too_many(self) -> MessageError:
        most = self.services.settings.realtime_messages_per_minute
        message = f"At most {most} messages a minute are taken; try again in the next."
        return MessageError(TOO_MUCH, message, limit="messages a minute")

    def _release_delayed(self) -> None:
        """Do the messages that had to wait."""
        delayed, self._delayed = self._delayed, None
        for message in delayed.messages if delayed is not None else ():
            self.handle(message)

    def _is_too_large(self, text: str) -> bool:
        most = self.services.settings.realtime_max_message_bytes
        return len(text) > most or (len(text) * 4 > most and len(text.encode()) > most)

    def _within_limit(self) -> bool:
        minute = current_minute()
        if minute != self._message_minute:
            self._message_minute, self._message_count = minute, 0
        self._message_count += 1
        settings = self.services.settings
        within = self._message_count <= settings.realtime_messages_per_minute
        return within or not settings.rate_limits or self.has_api_key
