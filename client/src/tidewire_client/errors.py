"""What can go wrong."""

from __future__ import annotations

POLICY_VIOLATION = 1008
"""Error code and close status that mean: do not come back."""
MESSAGE_TOO_BIG = 1009
"""Close status after a message above the server's limit (RFC 6455, section 7.4.1)."""
_FINAL = frozenset({POLICY_VIOLATION, 400, 401, 403, 404})
"""Codes of a refused handshake that another attempt would not change."""


class RealtimeError(Exception):
    """The server answered with an error frame."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        """1003: not understood; 1013: over a limit; others are statuses of HTTP."""


class RefusedError(RealtimeError):
    """The server refuses the connection for good; the client does not come back."""


class UnsupportedError(RefusedError):
    """The server is not a Tidewire server, and what was asked for is an extension of Tidewire."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs a Tidewire server; this one has no such extension.", 0)


def refusal(message: str, code: int) -> RealtimeError:
    """The error for a refused handshake: one that is final, or one that passes."""
    return RefusedError(message, code) if code in _FINAL else RealtimeError(message, code)
