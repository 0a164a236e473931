"""What becomes of a socket: the states of its life, and why it is closed."""

from __future__ import annotations

from enum import IntEnum


class CloseStatus(IntEnum):
    """Statuses of close frames; RFC 6455 has those of broken frames."""

    SILENT = 1001
    """Nothing came from the client for long."""
    REFUSED = 1008
    """SDKs do not come back."""
    TOO_LARGE = 1009
    """A message has more bytes than one of its kind may have."""
    INTERNAL_ERROR = 1011
    RESTART = 1012
    """The server stops; after a moment another one may be there."""
    TRY_LATER = 1013
    """Over a limit, or too slow to read what it is sent."""


class State(IntEnum):
    """The life of a socket, in order."""

    NEW = 0
    OPEN = 1
    CLOSING = 2
    """A close frame was sent and its answer is waited for."""
    LEAVING = 3
    """Nothing that still arrives matters."""
