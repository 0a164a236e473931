"""Databases as files, for backups and for a look into one that is not open."""

from __future__ import annotations

from tidewire.store.engine.sqlite.connections import Synchronous
from tidewire.store.engine.sqlite.files import (
    DATABASE_NAME,
    CopyError,
    DamagedError,
    Look,
    checked_copy,
    copy_database,
    looked_into,
)
from tidewire.store.engine.sqlite.opening import OpenFile

__all__ = [
    "DATABASE_NAME", "CopyError", "DamagedError", "Look", "OpenFile", "Synchronous", "checked_copy",
    "copy_database", "looked_into",
]  # fmt: skip
