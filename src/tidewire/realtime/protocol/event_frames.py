"""Events as messages: each is encoded once for all its receivers, in each form that one of them takes.

Only the ids of the subscriptions differ between receivers, and they stand near the end
(:class:`tidewire.realtime.protocol.framing.Framing`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from tidewire.core.events import LoggedEvent
from tidewire.core.time import format_datetime
from tidewire.realtime.protocol.framing import (
    MAX_TAIL,
    STREAM_END,
    Framing,
    stream_data,
    stream_head,
    text_message,
)

EVENT_STREAM: Final = -1
"""The form of event frames for Server-Sent Events. The other forms are WebSocket messages: 0 uncompressed,
and 8 to 15 compressed for a client that inflates with a window of so many bits."""
GRAPHQL: Final = -2
"""The form of a connection whose subscriptions have forms of their own; less the window, if it inflates."""
MAX_FRAMINGS: Final = 4
"""Texts besides its own that an event keeps: further ones are made again when they are asked for."""

_encode: Final = msgspec.json.Encoder().encode


def subscription_tail(ids: Iterable[str]) -> bytes:
    """The tail of a receiver: the part of an event frame that names the subscriptions that matched."""
    return _encode(list(ids))


def window_of(form: int) -> int:
    """The window that a WebSocket of this form inflates with; 0: its messages are not compressed."""
    return GRAPHQL - form if form <= GRAPHQL else form


class OtherForm(Protocol):
    """A form of event frames that is not the same for all of a connection's subscriptions."""

    def around(self, frame: EventFrame, length: int) -> tuple[bytes, bytes]:
        """The shared head and the shared end around a tail of ``length`` bytes."""


Form = int | OtherForm
"""How an event is encoded for a receiver: see :data:`EVENT_STREAM`."""


class TextOfEvent(Protocol):
    """A text that an event can be told in, besides that of Appwrite's protocol."""

    def framing(self, logged: LoggedEvent) -> Framing:
        """The event in this text."""


class EventFrame(Framing):
    """One event, ready to be framed for any number of receivers."""

    __slots__ = ("_event_id", "_framings", "_logged", "_stream_head")

    def __init__(self, logged: LoggedEvent, epoch: str = "") -> None:
        """``epoch``: of the log that the event stands in, which its id in an event stream names."""
        event = logged.event
        self._event_id = f"{epoch}:{logged.offset}" if epoch and logged.offset else ""
        self._stream_head: bytes | None = None
        self._logged = logged
        self._framings: dict[TextOfEvent, Framing] | None = None
        text = b"".join(
            (
                b'{"type":"event","data":{"events":',
                _encode(event.names),
                b',"channels":',
                _encode(event.channels),
                b',"timestamp":"',
                format_datetime(event.timestamp).encode(),
                b'","payload":',
                event.payload,
                b',"subscriptions":',
            )
        )
        # Keys that Appwrite's protocol does not have stand last.
        super().__init__(text, b',"offset":%d}}' % logged.offset if logged.offset else b"}}")

    def around(self, length: int, form: Form) -> tuple[bytes, bytes]:
        """The shared head and the shared end around a tail of ``length`` bytes, at most :data:`MAX_TAIL`.

        ``form``: of the receivers' frames (see :data:`EVENT_STREAM`).
        """
        if not isinstance(form, int):
            return form.around(self, length)
        if form == EVENT_STREAM:
            return self._stream_around()
        return self.framed(length, form)

    def message(self, tail: bytes, form: Form = 0) -> bytes:
        """The whole frame of one receiver whose tail is ``tail``, of any length."""
        if len(tail) > MAX_TAIL and form != EVENT_STREAM:
            return text_message(self.text + tail + self.end)
        head, end = self.around(len(tail), form)
        return b"".join((head, tail, end))

    def told_in(self, text: TextOfEvent) -> Framing:
        """The event in another text, which is made once for all receivers that it is the same for."""
        framings = self._framings
        if framings is None:
            framings = self._framings = {}
        framing = framings.get(text)
        if framing is None:
            if len(framings) >= MAX_FRAMINGS:
                del framings[next(iter(framings))]
            framing = framings[text] = text.framing(self._logged)
        return framing

    def _stream_around(self) -> tuple[bytes, bytes]:
        if self._stream_head is None:
            self._stream_head = stream_head("event", self._event_id) + stream_data(self.text)
        return self._stream_head, self.end + STREAM_END
