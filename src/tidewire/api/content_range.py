"""The ``Content-Range`` of a chunk, and the ``Range`` of a download (RFC 9110, 14)."""

from __future__ import annotations

import re
from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.core.uploads import CHUNK_SIZE, ContentRange

_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")
_SEVERAL_RANGES: Final = re.compile(r"bytes=[0-9, \t-]*,[0-9, \t-]*")


def parse_content_range(header: str, largest_file: int) -> ContentRange | None:
    """Read the place of a chunk in its file; None if the header is absent.

    All chunks but the last have exactly :data:`CHUNK_SIZE` bytes. Raises
    ``storage_invalid_content_range``, or ``storage_invalid_file_size`` for a file of more than
    ``largest_file`` bytes.
    """
    if not header:
        return None
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise invalid_content_range("Content-Range must have the form 'bytes 0-5242879/12345678'.")
    start, end, total = map(int, match.groups())
    if not start <= end < total:
        raise invalid_content_range("Content-Range must lie within the size of the file.")
    if total > largest_file:
        raise TidewireError("storage_invalid_file_size", f"A file has at most {largest_file} bytes.")
    if start % CHUNK_SIZE or end != min(start + CHUNK_SIZE, total) - 1:
        raise invalid_content_range(f"All chunks but the last have exactly {CHUNK_SIZE} bytes.")
    return ContentRange(start, end, total)


def invalid_content_range(message: str) -> TidewireError:
    """The error for a chunk that is not where, or not as long as, it says."""
    return TidewireError("storage_invalid_content_range", message)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Read the range wanted of a content of ``size`` bytes, as first offset and the one after the last.

    None stands for the whole: no range was asked for, or several, which are never served. Raises
    ``storage_invalid_range``.
    """
    if not header or _SEVERAL_RANGES.fullmatch(header):
        return None
    match = _RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        raise _invalid_range(size)
    first, last = match.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            raise _invalid_range(size)
    if start >= stop:
        raise _invalid_range(size)
    return start, stop


def _invalid_range(size: int) -> TidewireError:
    return TidewireError(
        "storage_invalid_range", f"Range must have the form 'bytes=0-99' and lie within {size} bytes."
    )
