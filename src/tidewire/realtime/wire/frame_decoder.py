"""The frame decoder: bytes from a client to messages, by the protocol core of ``websockets``."""

from __future__ import annotations

import codecs
import logging
from collections import deque
from dataclasses import dataclass
from typing import Final

from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from tidewire.realtime.protocol.compression import inflating

try:
    from websockets.speedups import apply_mask
except ImportError:  # where the library could not be compiled
    from websockets.utils import apply_mask

# Of its own, and never at debug level: there the library writes out frames, and frames hold sessions.
_quiet: Final = logging.getLogger("tidewire.realtime.inbound")
_quiet.setLevel(logging.WARNING)

_WHOLE_TEXT: Final = 0x80 | Opcode.TEXT
_PONG: Final = 0x80 | Opcode.PONG
"""First bytes of final frames, without reserved bits."""
_MASKED: Final = 0x80
_SHORT: Final = 125
"""The longest payload whose length fits into a header's second byte. Control frames may have no more."""
_TWO_BYTES: Final = 126
"""The second byte of a header whose payload length stands in two bytes of its own."""
_TEXT: Final = frozenset({Opcode.TEXT, Opcode.CONT})
_utf8_decoder: Final = codecs.getincrementaldecoder("utf-8")


@dataclass(slots=True)
class Received:
    """What some bytes were decoded to."""

    steps: list[str | bytes]
    """Messages (str), and frames to be written (bytes: pongs and perhaps a close frame), in their order."""
    ended: bool
    """Whether the client closed the connection or broke the protocol: no later bytes count."""
    closed: int
    """The status that the client closed the connection with; 0: it did not."""
    too_large: bool
    """Whether it ended because a message is larger than it may be."""
    pongs: list[bytes]
    """Payloads of answers to pings."""
    frames: int = 0
    """How many frames of all kinds came."""


def read_alone(data: bytes, longest: int) -> str | bytes | None:
    """The one message that ``data`` is, or the payload of the one pong; None for anything else.

    These are the commonest things to receive, and cost a tenth here of what :class:`FrameDecoder` takes. What
    is left to that class may be a message or a pong as well, such as a message of more than ``longest``
    bytes.
    """
    length, start = len(data) - 6, 6
    if length < 0 or (data[0] != _WHOLE_TEXT and data[0] != _PONG):
        return None
    if data[1] != _MASKED | length or length > _SHORT:
        length, start = length - 2, 8
        of_two_bytes = length > _SHORT and data[1] == _MASKED | _TWO_BYTES and data[0] != _PONG
        if not of_two_bytes or int.from_bytes(data[2:4], "big") != length:
            return None
    if length > longest:
        return None
    payload = apply_mask(data[start:], data[start - 4 : start])
    if data[0] == _PONG:
        return payload
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


class FrameDecoder:
    """Decodes the frames of one client.

    It is kept only while a message is incomplete: the protocol core is far larger than an idle connection may
    be.
    """

    __slots__ = ("_decoder", "_measure", "_pieces", "_protocol", "_text", "_unread")

    def __init__(self, max_message_bytes: int, *, compressed: bool = False) -> None:
        """``compressed``: the client may compress messages; the limit holds for what they inflate to."""
        self._protocol = ServerProtocol(state=OPEN, max_size=max_message_bytes, logger=_quiet)
        self._measure = _Measure()
        self._protocol.extensions = [inflating(), self._measure] if compressed else [self._measure]
        self._unread = 0
        """Bytes received that no frame has accounted for yet."""
        self._pieces: list[str] = []
        """Fragments that came of the present message."""
        self._text = 0
        """Characters of these fragments."""
        self._decoder: codecs.IncrementalDecoder | None = None
        """Decodes the text of the present message; None between messages."""

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with this object."""
        return self._unread <= 0 and self._decoder is None

    @property
    def held(self) -> int:
        """How much is kept of an incomplete message."""
        return self._unread + self._text

    def receive(self, data: bytes) -> Received:
        """Take bytes from the socket. Must not be called again once the connection has ended."""
        protocol = self._protocol
        self._unread += len(data)
        protocol.receive_data(data)
        self._unread -= self._measure.take()
        steps: list[str | bytes] = []
        pongs: list[bytes] = []
        output = deque(protocol.data_to_send())
        events = protocol.events_received()
        for event in events:
            assert isinstance(event, Frame)
            if event.opcode is Opcode.PING:
                steps.append(output.popleft())
            elif event.opcode is Opcode.PONG:
                pongs.append(bytes(event.data))
            if event.opcode is Opcode.BINARY:
                protocol.fail(CloseCode.UNSUPPORTED_DATA, "messages must be text")
                break
            if event.opcode in _TEXT:
                try:
                    text = self._assemble(event)
                except UnicodeDecodeError:
                    protocol.fail(CloseCode.INVALID_DATA, "text must be UTF-8")
                    break
                if text is not None:
                    steps.append(text)
        steps += [rest] if (rest := b"".join([*output, *protocol.data_to_send()])) else []
        closed = protocol.close_rcvd.code if protocol.close_rcvd is not None else 0
        told = protocol.close_sent.code if protocol.close_sent is not None else 0
        return Received(
            steps,
            ended=protocol.eof_sent,
            closed=closed,
            too_large=told == CloseCode.MESSAGE_TOO_BIG,
            pongs=pongs,
            frames=len(events),
        )

    def close(self) -> None:
        """Free the memory of this decoder at once. It must not receive anything afterwards.

        The protocol core, its parser and an error that it met refer to each other: without this the seven
        kilobytes of every decoder would wait for the garbage collector.
        """
        vars(self._protocol).clear()

    def _assemble(self, frame: Frame) -> str | None:
        """The whole message if this is its last fragment. Raises UnicodeDecodeError as soon as it must."""
        if self._decoder is None:
            if frame.fin:
                return str(frame.data, "utf-8")
            self._decoder = _utf8_decoder()
        text = self._decoder.decode(frame.data, frame.fin)
        if text:
            self._pieces.append(text)
            self._text += len(text)
        if not frame.fin:
            return None
        pieces, self._pieces, self._decoder, self._text = self._pieces, [], None, 0
        return "".join(pieces)


class _Measure(Extension):
    """Counts the bytes of frames as they arrive, before another extension changes them."""

    def __init__(self) -> None:
        self._bytes = 0

    def take(self) -> int:
        """Bytes of the frames since the last call."""
        count, self._bytes = self._bytes, 0
        return count

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:  # noqa: ARG002 - the library's
        """Count a frame."""
        self._bytes += _wire_length(frame)
        return frame

    def encode(self, frame: Frame) -> Frame:
        """Leave a frame as it is."""
        return frame


def _wire_length(frame: Frame) -> int:
    """Bytes of a client's frame, with header and mask.

    A client may write the length longer than needed; then this is too small, and the object is kept.
    """
    length = len(frame.data)
    extended = 0 if length < 126 else 2 if length < 65536 else 8
    return 2 + extended + 4 + length
