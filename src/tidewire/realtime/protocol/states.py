"""The states of a socket, and the statuses that it is closed with."""

from __future__ import annotations

from enum import IntEnum


class CloseStatus(IntEnum):
    """Statuses of close frames; RFC 6455 has those of broken frames."""

    SILENT = 1001
    """Nothing came from the client for long."""
    REFUSED = 1008
    """The client may not connect; SDKs do not come back."""
    TOO_LARGE = 1009
    """A message has more bytes than one of its kind may have."""
    INTERNAL_ERROR = 1011
    RESTART = 1012
    """The server stops; after a moment another one may be there."""
    TRY_LATER = 1013
    """Over a limit, or too slow to read what it is sent."""
    BAD_MESSAGE = 4400
    """A message is none of the GraphQL protocol's, whose statuses these are."""
    UNAUTHORIZED = 4401
    """A message came before the client was admitted, or its credentials are not valid."""
    FORBIDDEN = 4403
    """The client may not connect."""
    INIT_LATE = 4408
    """``connection_init`` did not come in time."""
    ID_IN_USE = 4409
    """The id of an operation is that of one which has not ended."""
    INIT_TWICE = 4429
    """``connection_init`` came a second time."""


class State(IntEnum):
    """The states of a socket, in their order."""

    NEW = 0
    OPEN = 1
    CLOSING = 2
    """A close frame was sent and its answer is waited for."""
    LEAVING = 3
    """The connection has ended; what still arrives is ignored."""
