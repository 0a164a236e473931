"""Failures of databases: what went wrong that is not the fault of whoever asked."""

from __future__ import annotations

import errno

from tidewire.core.errors import TidewireError
from tidewire.store.engine.sqlite.failures import circumstance_of, duplicate_of, is_passing

__all__ = ["circumstance_of", "duplicate_of", "is_unanswered"]


def is_unanswered(error: BaseException) -> bool:
    """Whether a database could not answer just now, so that nothing is known of what it was asked about.

    Whoever takes that for "there is none" refuses for good what would be allowed a moment later.
    """
    if isinstance(error, TidewireError):
        return error.type == "database_timeout"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
        return True
    return is_passing(error)
