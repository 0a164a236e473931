"""Memory that is freed goes back to the system, where its C library is glibc.

By itself glibc takes large pieces from its heaps once a large one was freed, and gives nothing of a heap back
that something small lies behind: a process would keep what a few large answers took at the same time.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGE_PIECE: Final = 256 * 1024
"""Bytes from which on a piece is mapped by itself, and unmapped when it is freed."""
_KEPT: Final = 4 * 1024 * 1024
"""Free bytes at the end of a heap that it keeps."""


def return_freed() -> None:
    """Have freed memory returned from now on; without an effect elsewhere than on Linux with glibc."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_PIECE)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
