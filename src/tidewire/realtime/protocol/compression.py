"""Compression by permessage-deflate (RFC 7692), with nothing to keep for a connection.

No side refers to earlier messages ("no context takeover"), so all that is known of a client is the size of
the window that it inflates with. That lets an event be compressed once for all its receivers: the shared
head ends with an empty stored block (RFC 7692, 7.2.1), whose place the part of each receiver takes as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from typing import Final

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory

MIN_COMPRESSED: Final = 512
"""Bytes of text from which compression is worth the client's work."""
LARGE: Final = 64 * 1024
"""Bytes of text from which less effort is made, so that other connections do not wait."""
STORED_END: Final = b"\x00"
"""Header of the empty block that every receiver adds to the end of a message (RFC 7692, 7.2.2)."""

_EFFORT: Final = 6
_EFFORT_IF_LARGE: Final = 1
_EMPTY_BLOCK: Final = b"\x00\x00\xff\xff"
_MAX_WINDOW: Final = 15

OFFERS: Final = (
    ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True),
)
"""What the server agrees to, for the handshake. A window of 256 bytes is declined: zlib cannot keep to it."""


def negotiated_window(extensions: Sequence[Extension]) -> int:
    """Bits of the window that the client inflates with, by what was agreed on; 0: no compression."""
    for extension in extensions:
        if isinstance(extension, PerMessageDeflate):
            return extension.local_max_window_bits
    return 0


def inflating() -> PerMessageDeflate:
    """The reading side of a connection with compression, for as long as a message takes to arrive.

    What a client inflated to is bounded while it is inflated, by the limit of a message.
    """
    return PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=_MAX_WINDOW,
        local_max_window_bits=_MAX_WINDOW,
    )


def deflate(text: bytes, window: int) -> bytes | None:
    """``text`` compressed, up to where the length of a stored block stands that may follow.

    None if the text is better sent as it is.
    """
    if len(text) < MIN_COMPRESSED:
        return None
    compressor = _compressor(window, _EFFORT if len(text) < LARGE else _EFFORT_IF_LARGE)
    compressed = compressor.compress(text) + compressor.flush(zlib.Z_FULL_FLUSH)
    assert compressed.endswith(_EMPTY_BLOCK)
    return compressed[: -len(_EMPTY_BLOCK)] if len(compressed) < len(text) else None


def stored_length(length: int) -> bytes:
    """What stands before ``length`` bytes, at most 65,535, of a stored block (RFC 1951, section 3.2.4)."""
    return length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little")


@cache
def _compressor(window: int, effort: int) -> zlib._Compress:
    """One for all events, in the one thread that delivers them: a full flush makes it forget the last one."""
    return zlib.compressobj(effort, wbits=-window)
