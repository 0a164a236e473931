"""The services of databases: tables with rows, and the older interface of collections with documents."""

from __future__ import annotations

from tidewire.services.databases import bulk, columns, counting, databases, indexes, rows, tables
from tidewire.services.databases.families import collections_operations, tables_operations
from tidewire.services.databases.schema_changes import resume_changes

__all__ = [
    "bulk",
    "collections_operations",
    "columns",
    "counting",
    "databases",
    "indexes",
    "resume_changes",
    "rows",
    "tables",
    "tables_operations",
]
