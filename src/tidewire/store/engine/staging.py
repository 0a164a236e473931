"""The overlay of a staging connection: what it has written to users' tables, which only it sees."""

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
