"""How much the rows of a list are, and how much they may be."""

from __future__ import annotations

from collections.abc import Iterable
from sys import getsizeof
from typing import Any, Final

import msgspec

ROW_BYTES: Final = 200
"""Bytes of a row beside its values: the names of its fields, and times."""
_VALUE: Final = 16
_EMPTY: Final = getsizeof("")


def row_size(row: Iterable[Any]) -> int:
    """Bytes of a row: of its texts as they are in memory, of the rest as it is shown, about."""
    return ROW_BYTES + sum(
        getsizeof(value) - _EMPTY if isinstance(value, str) else _size(value) for value in row
    )


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value)) if isinstance(value, list | dict) else _VALUE
