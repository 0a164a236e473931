"""The messages of one connection: read, and let through, delayed or refused by how many there are."""

from __future__ import annotations

from typing import Any, NamedTuple

from tidewire.realtime.delays import Delayed
from tidewire.realtime.limits import current_minute
from tidewire.realtime.messages import (
    TOO_MUCH,
    Message,
    MessageError,
    Ping,
    Publish,
    Subscribe,
    Unsubscribe,
    parse_message,
)
from tidewire.realtime.turns import Turns
from tidewire.realtime.websocket import CloseStatus, WebSocket
from tidewire.settings import Settings


class Refusals(NamedTuple):
    """The messages of a connection that were refused."""

    number: int
    code: int
    """Of the last one, as in its error frame."""
    message: str


class Intake(WebSocket):
    """A socket that knows messages from text, and how many of them there may be."""

    __slots__ = ("_delayed", "_message_count", "_message_minute", "refusals")

    def __init__(self, settings: Settings, siblings: set[Any], upgrades: Turns) -> None:
        super().__init__(settings, siblings, upgrades)
        self._delayed: Delayed | None = None
        """Frames over the limit that wait; None: there are none."""
        self._message_minute = 0
        self._message_count = 0
        self.refusals: Refusals | None = None
        """None: no message was refused."""

    def handle(self, message: Message | MessageError) -> None:
        """Called with each message whose turn it is, or why it is refused."""
        raise NotImplementedError

    @property
    def is_program(self) -> bool:
        """Whether an API key was shown, whose messages are not counted, as its requests in REST are not."""
        raise NotImplementedError

    def received(self, text: str) -> None:
        """Answer a message, or keep it until it is its turn."""
        message = self._read(text)
        if not isinstance(message, Subscribe) and self._is_too_large(text):
            self.close(CloseStatus.TOO_LARGE, "protocol")
            return
        admitted = self._admitted(message)
        if admitted is not None:
            self.handle(admitted)

    def refused(self, code: int, message: str) -> None:
        """Count a message that was refused, in whole or in part."""
        before = self.refusals.number if self.refusals is not None else 0
        self.refusals = Refusals(before + 1, code, message)

    def count(self, more: int) -> None:
        """Count messages that were let through without."""
        self._message_count += more

    def forget_delayed(self) -> None:
        """The connection has ended."""
        if self._delayed is not None:
            self._delayed.cancel()
            self._delayed = None

    def _read(self, text: str) -> Message | MessageError:
        try:
            return parse_message(text, extended_queries=self._settings.realtime_queries == "extended")
        except MessageError as error:
            return error

    def _admitted(self, message: Message | MessageError) -> Message | MessageError | None:
        """A message if it is within the limit, else its refusal; None: it waits."""
        delayed = self._delayed
        if delayed is not None and delayed.concerns(message):
            assert isinstance(message, Subscribe | Unsubscribe)
            return None if delayed.add(message) else self._too_many()
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
        return MessageError(TOO_MUCH, f"At most {most} messages a minute are taken; try again in the next.")

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
