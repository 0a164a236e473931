"""The generation of the API that an SDK was made for, as it says in ``X-Appwrite-Response-Format``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from tidewire.api.asgi import Headers

NEWEST_FORMAT: Final = (2, 5, 0)
"""The newest one whose models are answered; every SDK up to it is served without a word."""

_FORMAT: Final = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})")


@lru_cache(maxsize=64)
def warning_headers(announced: str) -> Headers:
    """A warning for an SDK that is newer than this server; it is served all the same."""
    match = _FORMAT.fullmatch(announced)
    if match is None or tuple(map(int, match.groups())) <= NEWEST_FORMAT:
        return []
    newest = ".".join(map(str, NEWEST_FORMAT))
    return [
        (
            b"x-appwrite-warning",
            f"This SDK was made for version {announced} of the API, this server answers as {newest}".encode(),
        )
    ]
