"""Ids of resources."""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")


def is_id(value: str) -> bool:
    """Whether ``value`` can be the id of a resource.

    Ids have 1 to 36 ASCII letters, digits, periods, hyphens and underscores, the first a letter or digit.
    """
    return _ID.fullmatch(value) is not None


def unique_id() -> str:
    """A new id of 20 hexadecimal digits: 13 of the time in microseconds, then 7 random ones.

    Later ids sort after earlier ones, which keeps inserts at the end of an index.
    """
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{seconds:08x}{nanoseconds // 1000:05x}{secrets.randbits(28):07x}"


def chosen_id(given: str) -> str:
    """The id that a client chose for a new resource; a new one of ours if it asks for ``unique()``."""
    return unique_id() if given == "unique()" else given
