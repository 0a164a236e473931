"""Versions of the API, as programs name them, in their order."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from tidewire.api.asgi import Headers

NEWEST: Final = (2, 5, 0)
"""The newest one that is served without a warning."""
LONGEST_VERSION: Final = 32
"""Characters of a version that are looked at."""

Version = tuple[int, ...]
"""A version in a form that compares as versions do."""

_PARTS: Final = re.compile(r"[0-9]+|[A-Za-z]+")
_FULL: Final = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})")
_WORD, _END = 0, 1


def version_of(text: str) -> Version:
    """A version: numbers by their value, a word (``rc``) below the end, the end below any number.

    So ``1.9.0-rc`` < ``1.9`` < ``1.9.0`` < ``1.9.0.1``; a text that begins with no number is below all
    versions. This is the order of PHP's ``version_compare`` but for its names of patches.
    """
    parts = _PARTS.findall(text[:LONGEST_VERSION])
    return (*(int(part) + 2 if part.isdigit() else _WORD for part in parts), _END)


@lru_cache(maxsize=64)
def warning_headers(announced: str) -> Headers:
    """A warning for a program that is newer than this server; it is served all the same."""
    match = _FULL.fullmatch(announced)
    if match is None or tuple(map(int, match.groups())) <= NEWEST:
        return []
    newest = ".".join(map(str, NEWEST))
    return [
        (
            b"x-appwrite-warning",
            f"This SDK was made for version {announced} of the API, this server answers as {newest}".encode(),
        )
    ]
