"""The services of databases: tables with rows, collections with documents old and new, and with vectors."""

from __future__ import annotations

from tidewire.services.databases import (
    bulk,
    collections,
    column_kinds,
    columns,
    counting,
    databases,
    indexes,
    relationships,
    rows,
    tables,
    vectors,
)
from tidewire.services.databases.families import OPERATIONS
from tidewire.services.databases.schema_changes import resume_changes
from tidewire.services.databases.transactions import operations as transactions

__all__ = [
    "OPERATIONS",
    "bulk",
    "collections",
    "column_kinds",
    "columns",
    "counting",
    "databases",
    "indexes",
    "relationships",
    "resume_changes",
    "rows",
    "tables",
    "transactions",
    "vectors",
]
