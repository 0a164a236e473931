"""Framing: texts as messages of a WebSocket (RFC 6455), and of an event stream.

A text that many receivers get alike is framed once for all of them. Only a short tail differs between
receivers, and it stands near the end: a receiver's message is a shared head, the tail and a shared end.
"""

from __future__ import annotations

from typing import Final

from websockets.frames import Close, Frame, Opcode

from tidewire.realtime.protocol.compression import STORED_END, deflate, stored_length

MAX_FRAGMENT: Final = 16_384
"""Bytes of text in one WebSocket frame; the Apple SDK refuses more (realtime-protocol, section 5)."""

MAX_TAIL: Final = MAX_FRAGMENT - 64
"""Bytes of a tail that certainly fits into one frame with what follows it."""

_FINAL: Final = 0x80
_COMPRESSED: Final = 0x40
"""The reserved bit that permessage-deflate uses, in the first frame of a message (RFC 7692, section 6)."""


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


class Framing:
    """A text that many receivers get alike but for a tail of their own, framed for any number of them."""

    __slots__ = ("compressed", "end", "heads", "text")

    def __init__(self, text: bytes, end: bytes) -> None:
        """``text`` stands before every tail, ``end`` after it."""
        self.text = text
        self.end = end
        self.heads: dict[int, bytes] = _Heads(text)
        """Heads by the length of a tail with its end, which has to be less than :data:`MAX_FRAGMENT` bytes:
        ``heads[len(tail)] + tail`` is the message."""
        self.compressed: dict[int, dict[int, bytes] | None] = _Compressed(text)
        """Heads by the window of a receiver, for messages ``heads[len(tail)] + tail + STORED_END``.

        None if the text is better sent as it is.
        """

    def __len__(self) -> int:
        """Bytes that all receivers get alike, without framing."""
        return len(self.text)

    def framed(self, length: int, window: int) -> tuple[bytes, bytes]:
        """The shared head and the shared end around a tail of ``length`` bytes, at most :data:`MAX_TAIL`.

        ``window``: that the receivers inflate with; 0: the message is not compressed.
        """
        if window:
            compressed = self.compressed[window]
            if compressed is not None:
                return compressed[length + len(self.end)], self.end + STORED_END
        return self.heads[length + len(self.end)], self.end


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


PING: Final = Frame(Opcode.PING, b"").serialize(mask=False)
"""Asks a silent client, whatever its SDK, for a sign of life (RFC 6455, section 5.5.2)."""
