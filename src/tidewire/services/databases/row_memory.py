"""The memory that lists of rows take until they are written, counted row by row as they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidewire.services.databases.dialects import DialectCall
from tidewire.store.engine.sizes import ROW_BYTES
from tidewire.store.user_tables.queries import Page
from tidewire.store.user_tables.tables import UserTable

_ROW: Final = 1024
"""Bytes of a row whatever is in it: its fields by name, times, permissions."""
_COPIES: Final = 2
"""Copies of the texts of a row: as read, and in the JSON of the answer."""
_COPIES_OF_JSON: Final = 8
"""The same as :data:`_COPIES` for arrays and documents, whose objects take several times the bytes of their
text."""


def begin_counting(call: DialectCall, table: UserTable, page: Page) -> None:
    """Begin to count what a page of a table, with all that is related, takes."""
    if call.context.held is not None:
        settings = call.context.settings
        rows = min(page.size, settings.list_bytes_max // ROW_BYTES) + (
            settings.related_rows_max if page.related else 0
        )
        copies = _COPIES_OF_JSON if page.related or table.holds_json else _COPIES
        call.context.held.begin(rows * _ROW + copies * settings.list_bytes_max)


def counting(call: DialectCall, table: UserTable) -> Callable[[int], None] | None:
    """The function that gets the bytes of each row of a table as it is read; None: nothing counts them."""
    held = call.context.held
    if held is None:
        return None
    add, copies = held.add, _COPIES_OF_JSON if table.holds_json else _COPIES
    return lambda size: add(_ROW + copies * size)
