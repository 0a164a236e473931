"""What went wrong, as far as it is not the fault of who asked."""

from __future__ import annotations

import errno

from tidewire.core.errors import TidewireError
from tidewire.store.engine.sqlite.failures import circumstance_of, duplicate_of, is_disk_full, is_passing
from tidewire.store.machine.disk_space import disk_full

__all__ = ["circumstance_of", "duplicate_of", "is_unanswered", "raisable"]


def is_unanswered(error: BaseException) -> bool:
    """Whether a database could not answer just now, so that nothing is known of what it was asked about.

    Who takes that for "there is none" refuses for good what would be allowed a moment later.
    """
    if isinstance(error, TidewireError):
        return error.type == "database_timeout"
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}:
        return True
    return is_passing(error)


def raisable(error: BaseException) -> BaseException:
    """An error that a future can hold: StopIteration would end the waiting coroutine in silence.

    Where a database had no room on the disk, it is the error that clients are told.
    """
    if is_disk_full(error):
        return disk_full()
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"a unit of work raised {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
