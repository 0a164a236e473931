"""The media type of a file, told from its first bytes and its name."""

from __future__ import annotations

import codecs
import mimetypes
from typing import Final

import puremagic

UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain"

_SHORTEST_SIGNATURE: Final = 3
"""Bytes of a signature that identify content; shorter ones also begin many other files."""
_TEXTUAL: Final = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/rtf",
        "application/xml",
        "application/x-sh",
        "image/svg+xml",
    }
)
_HEIC: Final = (b"heic", b"heix", b"heim", b"heis")
_BRANDS: Final = 32
"""Bytes of the brands that are looked at."""
_CONTROL: Final = bytes(set(range(0x20)) - set(b"\t\n\r\f\x1b"))
_BY_NAME: Final = mimetypes.MimeTypes(filenames=())
"""The types known to Python, without those of the machine, which differ between machines."""


def media_type(name: str, head: bytes) -> str:
    """Return the media type of a file called ``name`` that begins with ``head``.

    The name alone decides only between kinds of text, so that nothing passes for a picture or a
    document just by its name. What is neither text nor recognised is ``application/octet-stream``.
    """
    if head[4:8] == b"ftyp" and any(brand in head[8 : 8 + _BRANDS] for brand in _HEIC):
        return "image/heic"  # the same container as that of videos
    by_name = _BY_NAME.guess_type(name)[0] or ""
    if _is_text(head) and (by_name.startswith("text/") or by_name in _TEXTUAL):
        return by_name
    return _by_content(name, head) or (TEXT if head and _is_text(head) else UNKNOWN)


def _by_content(name: str, head: bytes) -> str:
    if not head:
        return ""
    try:
        candidates = puremagic.magic_string(head, filename=name)
    except (puremagic.PureError, ValueError):
        return ""
    for candidate in candidates:
        if len(candidate.byte_match or b"") >= _SHORTEST_SIGNATURE and "/" in candidate.mime_type:
            return str(candidate.mime_type)
    return ""


def _is_text(head: bytes) -> bool:
    """Whether the bytes are the beginning of UTF-8 text; a character may be cut at the end."""
    if head.translate(None, _CONTROL) != head:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
