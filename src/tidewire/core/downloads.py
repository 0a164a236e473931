"""Content on its way to a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """A stored file that an operation answers with; nothing is read until ``open`` is called.

    The content came from a client and may be a page with scripts. Whoever sends it ``inline`` must
    keep it from acting in the name of this server (a sandboxing ``Content-Security-Policy`` and
    ``X-Content-Type-Options: nosniff``).
    """

    name: str
    """File name to suggest, without directories; any Unicode text."""
    mime_type: str
    size: int
    """Bytes."""
    etag: str
    """Value of the entity tag, without quotation marks."""
    modified: int
    """Milliseconds since the epoch."""
    inline: bool
    """Whether the browser is to show it (view) rather than save it (download)."""
    open: Callable[[int, int], AsyncIterator[bytes]]
    """Streams the bytes from the first offset up to, not including, the second."""
    kept_seconds: int = 0
    """Seconds for which a client may use its copy without asking again; 0: it asks before each use."""
