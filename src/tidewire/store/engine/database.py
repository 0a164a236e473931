"""The database that everybody works with: the engine in use, and the names of its contract."""

from __future__ import annotations

from tidewire.store.engine.contract import NEVER, DatabaseClosedError, Finding, Keeper, Transaction
from tidewire.store.engine.sqlite.database import Database

__all__ = ["NEVER", "Database", "DatabaseClosedError", "Finding", "Keeper", "Transaction"]
