"""What is written to users' tables on a staging connection: the overlay that only that connection sees."""

from __future__ import annotations

from tidewire.store.engine.sqlite.overlay import (
    BOXES_KEY,
    FIRST_SEQUENCE,
    SCHEMA,
    WORDS_KEY,
    Unique,
    copy_pairs,
    copy_row,
    is_overlaid,
    overlay_pairs,
    overlay_rows,
)

__all__ = [
    "BOXES_KEY", "FIRST_SEQUENCE", "SCHEMA", "WORDS_KEY", "Unique", "copy_pairs", "copy_row", "is_overlaid",
    "overlay_pairs", "overlay_rows",
]  # fmt: skip
