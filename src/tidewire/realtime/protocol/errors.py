"""Errors of messages: the refusals of frames and of connections, and their codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.store.engine.failures import is_unanswered

INVALID_FORMAT: Final = 1003
POLICY_VIOLATION: Final = 1008
TOO_MUCH: Final = 1013
INTERNAL: Final = 500
NOT_A_FRAME: Final = 0
UNAUTHORIZED: Final = 401
GONE: Final = 410
"""Error codes of the protocol of Appwrite's realtime; those of REST are used besides."""

UNKNOWN_PROJECT: Final = "Missing or unknown project ID"
"""A text that apps written for the reference look for in their logs; what is wrong stands beside it."""


class MessageError(Exception):
    """A frame that is refused; the client gets the code and the message in an error frame."""

    def __init__(
        self,
        code: int,
        message: str,
        kind: str = "",
        *,
        limit: str = "",
        explanation: str = "",
        about: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.kind = kind
        """The type that REST gives the error; empty if it is not one of REST."""
        self.limit = limit
        """What kind of limit was reached, by which lines in the log are counted; empty: none."""
        self.explanation = explanation
        """What was wrong and what to do, where the message is a fixed text; else empty."""
        self.about = about
        """The id of the subscription that is refused, if it is just one; else empty."""

    def anew(self, refusal: type[MessageError] | None = None) -> MessageError:
        """A copy of the error, for a caller that keeps this one and raises it later.

        The copy is of the class ``refusal``, or else of the same class.

        An error that is raised refers to the frames that it goes through. If these refer to it, that is a
        cycle, which is memory until the garbage collector finds it.
        """
        make = refusal or type(self)
        return make(
            self.code,
            self.message,
            self.kind,
            limit=self.limit,
            explanation=self.explanation,
            about=self.about,
        )


@contextmanager
def refused_as_by_rest() -> Iterator[None]:
    """Turn an error of REST into the refusal of a frame or a connection, with its code and type.

    What the database cannot answer just now is no refusal, and stays the error that it is.
    """
    try:
        yield
    except TidewireError as error:
        if is_unanswered(error):
            raise
        raise MessageError(error.code, error.message, error.type) from None


class SubscribeError(MessageError):
    """A ``subscribe`` that is refused as a whole."""
