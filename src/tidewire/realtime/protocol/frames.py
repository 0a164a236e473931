"""Messages from the server: their JSON, and the framing of events.

Answers are encoded to JSON here and framed by the wire that sends them. An event is encoded and framed once
for all its receivers, in each form that one of them takes. Only the ids of the ``subscriptions`` differ
between receivers, and they stand near the end: a receiver's frame is a shared head, a short tail of its own
and a shared end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from websockets.frames import Close, Frame, Opcode

from tidewire.core.events import LoggedEvent
from tidewire.core.models import Account
from tidewire.core.models.channels import RealtimeMessage
from tidewire.core.models.presences import Presence
from tidewire.core.time import format_datetime, now
from tidewire.realtime.protocol.compression import STORED_END, deflate, stored_length

MAX_FRAGMENT: Final = 16_384
"""Bytes of text in one WebSocket frame; the Apple SDK refuses more (realtime-protocol, section 5)."""

MAX_TAIL: Final = MAX_FRAGMENT - 64
"""Bytes of a tail that certainly fits into one frame with what follows it."""

EVENT_STREAM: Final = -1
"""The form of event frames for Server-Sent Events. The other forms are WebSocket messages: 0 uncompressed,
and 8 to 15 compressed for a client that inflates with a window of so many bits."""

_FINAL: Final = 0x80
_COMPRESSED: Final = 0x40
"""The reserved bit that permessage-deflate uses, in the first frame of a message (RFC 7692, section 6)."""

_NO_POSITION: Final[Mapping[str, Any]] = {}
_encode: Final = msgspec.json.Encoder().encode


def text_message(text: bytes) -> bytes:
    """A whole WebSocket message of UTF-8 ``text``, in fragments that end between characters."""
    head, rest = _head_fragments(text)
    return b"".join((head, _header(Opcode.CONT if head else Opcode.TEXT, len(rest), final=True), rest))


STREAM_END: Final = b"\n\n"
"""Ends an event of an event stream."""


def stream_head(name: str, event_id: str = "") -> bytes:
    """The beginning of an event of an event stream, up to its data (HTML Living Standard, section 9.2.6)."""
    head = f"event: {name}\ndata: "
    return (f"id: {event_id}\n{head}" if event_id else head).encode()


def stream_data(text: bytes) -> bytes:
    """Data of an event: a line break in the text begins another line of data, which joins them again."""
    return text.replace(b"\n", b"\ndata: ")


def close_message(status: int, reason: str = "") -> bytes:
    """A close frame. ``reason`` is for people who look at the wire; at most 123 bytes."""
    return Frame(Opcode.CLOSE, Close(status, reason).serialize()).serialize(mask=False)


def connected(
    channels: Sequence[str],
    subscriptions: Mapping[str, str] | None,
    account: Account | None,
    position: Mapping[str, Any] = _NO_POSITION,
) -> bytes:
    """First message to a connection that was admitted.

    ``subscriptions`` maps slots to ids if the URL had channels, else it is None and written as a list.
    ``position``: where in the log the events of the connection begin.
    """
    data = {
        "channels": channels,
        "subscriptions": [] if subscriptions is None else subscriptions,
        "user": account,
        **position,
    }
    return _message("connected", data)


def subscribed(
    subscriptions: Sequence[Mapping[str, Any]],
    position: Mapping[str, Any] = _NO_POSITION,
) -> bytes:
    """Answer to ``subscribe``, a row for each row sent.

    ``position``: where in the log the live events of the connection begin.
    """
    data = {"to": "subscribe", "success": True, "subscriptions": subscriptions, **position}
    return _message("response", data)


def unsubscribed(results: Iterable[tuple[str, bool]]) -> bytes:
    """Answer to ``unsubscribe``: for each id sent, whether there was such a subscription."""
    rows = [{"subscriptionId": subscription, "removed": removed} for subscription, removed in results]
    return _message("response", {"to": "unsubscribe", "success": True, "subscriptions": rows})


def authenticated(account: Account | None) -> bytes:
    """Answer to ``authentication``; None: the connection showed an API key and has no account."""
    return _message("response", {"to": "authentication", "success": True, "user": account})


def presence(presence: Presence) -> bytes:
    """Answer to ``presence``."""
    return _message("response", {"to": "presence", "presence": presence})


def published(messages: Sequence[RealtimeMessage]) -> bytes:
    """Answer to ``publish``, a row for each row sent."""
    return _message("response", {"to": "publish", "success": True, "messages": messages})


def tail(channel: str, event: str, subscription: str, payload: object) -> bytes:
    """An event frame of the console's live tail. It has no timestamp, because each of its entries has one."""
    data = {"channels": [channel], "events": [event], "subscriptions": [subscription], "payload": payload}
    return _message("event", data)


def connection_count(project_id: str, count: int) -> bytes:
    """An event frame that tells the console how many connections a project has; the same for all its
    subscriptions."""
    data = {
        "events": ["stats.connections"],
        "channels": ["project"],
        "timestamp": format_datetime(now()),
        "payload": {project_id: count},
    }
    return _message("event", data)


def error(code: int, message: str, kind: str = "", explanation: str = "") -> bytes:
    """An error; ``kind`` is its type if REST has it too, which tells apart what shares a code.

    ``explanation`` says what a fixed ``message`` does not. SDKs rely on the code only, and there is no
    ``type`` in ``data`` (realtime-protocol, section 2).
    """
    data: dict[str, Any] = {"code": code, "message": message}
    if kind:
        data["reason"] = kind
    if explanation:
        data["explanation"] = explanation
    return _message("error", data)


def pong(position: Mapping[str, Any]) -> bytes:
    """Answer to a heartbeat that asks up to which position of the log everything was sent before it."""
    return _message("pong", position)


def _message(kind: str, data: Mapping[str, Any]) -> bytes:
    return _encode({"type": kind, "data": data})


def subscription_tail(ids: Iterable[str]) -> bytes:
    """The tail of a receiver: the part of an event frame that names the subscriptions that matched."""
    return _encode(list(ids))


class EventFrame:
    """One event, ready to be framed for any number of receivers."""

    __slots__ = ("_event_id", "_stream_head", "_text", "compressed", "end", "heads")

    def __init__(self, logged: LoggedEvent, epoch: str = "") -> None:
        """``epoch``: of the log that the event stands in, which its id in an event stream names."""
        event = logged.event
        self._event_id = f"{epoch}:{logged.offset}" if epoch and logged.offset else ""
        self._stream_head: bytes | None = None
        self._text = b"".join(
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
        self.end = b',"offset":%d}}' % logged.offset if logged.offset else b"}}"
        """The shared end after every tail: keys that Appwrite's protocol does not have stand last."""
        self.heads: dict[int, bytes] = _Heads(self._text)
        """Heads by the length of a tail with its end, which has to be less than :data:`MAX_FRAGMENT` bytes:
        ``heads[len(tail)] + tail`` is the message."""
        self.compressed: dict[int, dict[int, bytes] | None] = _Compressed(self._text)
        """Heads by the window of a receiver, for messages ``heads[len(tail)] + tail + STORED_END``.

        None if the event is better sent as it is.
        """

    def __len__(self) -> int:
        """Bytes that all receivers get alike, without framing."""
        return len(self._text)

    def around(self, length: int, form: int) -> tuple[bytes, bytes]:
        """The shared head and the shared end around a tail of ``length`` bytes, at most :data:`MAX_TAIL`.

        ``form``: of the receivers' frames (see :data:`EVENT_STREAM`).
        """
        heads = self.heads
        if form:
            if form == EVENT_STREAM:
                return self._stream_around()
            compressed = self.compressed[form]
            if compressed is not None:
                return compressed[length + len(self.end)], self.end + STORED_END
        return heads[length + len(self.end)], self.end

    def message(self, tail: bytes, form: int = 0) -> bytes:
        """The whole frame of one receiver whose tail is ``tail``, of any length."""
        if len(tail) > MAX_TAIL and form != EVENT_STREAM:
            return text_message(self._text + tail + self.end)
        head, end = self.around(len(tail), form)
        return b"".join((head, tail, end))

    def _stream_around(self) -> tuple[bytes, bytes]:
        if self._stream_head is None:
            self._stream_head = stream_head("event", self._event_id) + stream_data(self._text)
        return self._stream_head, self.end + STREAM_END


class _Heads(dict[int, bytes]):
    """Length of a tail to everything that comes before it, made when first asked for.

    The length matters because the header of the last fragment holds it.
    """

    __slots__ = ("_head", "_rest")

    def __init__(self, text: bytes) -> None:
        self._head, self._rest = _head_fragments(text)

    def __missing__(self, tail_length: int) -> bytes:
        first = Opcode.CONT if self._head else Opcode.TEXT
        self[tail_length] = head = self._head + _before_tail(first, self._rest, tail_length)
        return head


class _CompressedHeads(dict[int, bytes]):
    """The heads of compressed text: the tail is a stored block, and the message goes on after it."""

    __slots__ = ("_fragments", "_rest")

    def __init__(self, compressed: bytes) -> None:
        size = MAX_FRAGMENT - len(stored_length(0))
        pieces = [compressed[start : start + size] for start in range(0, len(compressed), size)]
        self._rest = pieces.pop()
        self._fragments = b"".join(
            _header(Opcode.CONT if number else Opcode.TEXT | _COMPRESSED, len(piece), final=False) + piece
            for number, piece in enumerate(pieces)
        )

    def __missing__(self, tail_length: int) -> bytes:
        first = Opcode.CONT if self._fragments else Opcode.TEXT | _COMPRESSED
        rest = self._rest + stored_length(tail_length)
        last = _before_tail(first, rest, tail_length + len(STORED_END))
        self[tail_length] = head = self._fragments + last
        return head


class _Compressed(dict[int, dict[int, bytes] | None]):
    """Window of a receiver to heads; an event is compressed when the first such receiver gets it."""

    __slots__ = ("_text",)

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __missing__(self, window: int) -> dict[int, bytes] | None:
        compressed = deflate(self._text, window)
        self[window] = heads = None if compressed is None else _CompressedHeads(compressed)
        return heads


def _before_tail(first: int, rest: bytes, length: int) -> bytes:
    """The end of a message but for its last ``length`` bytes: one frame, or two if one would be too large."""
    if len(rest) + length <= MAX_FRAGMENT:
        return _header(first, len(rest) + length, final=True) + rest
    return _header(first, len(rest), final=False) + rest + _header(Opcode.CONT, length, final=True)


def _head_fragments(text: bytes) -> tuple[bytes, bytes]:
    """All fragments but the last, framed, and the bare text that remains for the last one."""
    fragments = []
    start = 0
    while len(text) - start > MAX_FRAGMENT:
        end = start + MAX_FRAGMENT
        while text[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        fragments.append(_header(Opcode.CONT if start else Opcode.TEXT, end - start, final=False))
        fragments.append(text[start:end])
        start = end
    return b"".join(fragments), text[start:]


def _header(opcode: int, length: int, *, final: bool) -> bytes:
    """Header of an unmasked frame of at most :data:`MAX_FRAGMENT` bytes (RFC 6455, section 5.2)."""
    first = opcode | (_FINAL if final else 0)
    if length < 126:
        return bytes((first, length))
    return bytes((first, 126)) + length.to_bytes(2, "big")


def ping(offset: int) -> bytes:
    """A ping whose answer acknowledges the events up to ``offset`` (RFC 6455, section 5.5.2)."""
    payload = b"%d" % offset
    return bytes((_FINAL | Opcode.PING, len(payload))) + payload


PONG: Final = b'{"type":"pong"}'
"""Answer to the clients' heartbeat."""
PING: Final = Frame(Opcode.PING, b"").serialize(mask=False)
"""Asks a silent client, whatever its SDK, for a sign of life (RFC 6455, section 5.5.2)."""
