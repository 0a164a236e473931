"""The database that everybody works with."""

from __future__ import annotations

from tidewire.store.engine.sqlite.database import Database, DatabaseClosedError, Keeper, Transaction

__all__ = ["Database", "DatabaseClosedError", "Keeper", "Transaction"]
