"""Tables that describe the databases of a project: what users' own tables look like.

The tables described here are real ones, made by :mod:`tidewire.store.user_tables`; their names come from the
sequences of these rows, never from what users call them.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from tidewire.store.schema.columns import (
    ID_LENGTH,
    Bytes,
    Sequence,
    created,
    flag,
    json,
    project_metadata,
    resource,
    sequence,
    text,
)

KEY_LENGTH: Final = 36
STATUS_LENGTH: Final = 10

databases = Table(
    "databases",
    project_metadata,
    *resource(),
    Column("type", String(16), nullable=False),  # legacy, tablesdb, documentsdb or vectorsdb
    Column("name", String(128), nullable=False),
    flag("enabled", True),
    sqlite_autoincrement=True,
)

user_tables = Table(
    "user_tables",
    project_metadata,
    sequence(),
    Column("database_sequence", ForeignKey("databases.sequence", ondelete="CASCADE"), nullable=False),
    Column("id", String(ID_LENGTH), nullable=False),
    *created(),
    # Another one after each change of the table or of its columns and indexes: what was read may be kept.
    Column("version", String(ID_LENGTH), nullable=False),
    json("permissions", list),
    Column("name", String(128), nullable=False),
    flag("enabled", True),
    flag("row_security", False),
    UniqueConstraint("database_sequence", "id"),
    sqlite_autoincrement=True,
)

user_columns = Table(
    "user_columns",
    project_metadata,
    sequence(),
    Column("table_sequence", ForeignKey("user_tables.sequence", ondelete="CASCADE"), nullable=False),
    Column("key", String(KEY_LENGTH), nullable=False),
    *created(),
    Column("kind", String(16), nullable=False),  # of tidewire.core.columns
    Column("type", String(16), nullable=False),  # as the API calls it
    Column("status", String(STATUS_LENGTH), nullable=False),
    text("error"),
    flag("required", False),
    flag("array", False),
    Column("size", Bytes, nullable=False, default=0, server_default="0"),  # characters; 0: no text
    json("options", dict),  # default, bounds, elements, encrypt
    Column(
        "progress", Sequence, nullable=False, default=0, server_default="0"
    ),  # last row brought up to date
    UniqueConstraint("table_sequence", "key"),
    sqlite_autoincrement=True,
)

user_indexes = Table(
    "user_indexes",
    project_metadata,
    sequence(),
    Column("table_sequence", ForeignKey("user_tables.sequence", ondelete="CASCADE"), nullable=False),
    Column("key", String(KEY_LENGTH), nullable=False),
    *created(),
    Column("type", String(16), nullable=False),  # key, unique, fulltext or spatial
    Column("status", String(STATUS_LENGTH), nullable=False),
    text("error"),
    json("columns", list),  # keys
    json("lengths", list),
    json("orders", list),
    Column("progress", Sequence, nullable=False, default=0, server_default="0"),  # last row that is in it
    UniqueConstraint("table_sequence", "key"),
    sqlite_autoincrement=True,
)

relationships = Table(
    "relationships",
    project_metadata,
    sequence(),
    *created(),
    # No foreign keys: what a dropped table leaves behind in the other one is cleared away afterwards.
    Column("parent_table", Sequence, nullable=False, index=True),
    Column("child_table", Sequence, nullable=False, index=True),
    Column("parent_key", String(KEY_LENGTH), nullable=False),
    Column("child_key", String(KEY_LENGTH), nullable=False),  # shown as a column only if it is two-way
    Column("type", String(16), nullable=False),  # of tidewire.core.relationships
    Column("on_delete", String(16), nullable=False),
    flag("two_way", False),
    Column("status", String(STATUS_LENGTH), nullable=False, index=True),
    Column("progress", Sequence, nullable=False, default=0, server_default="0"),  # last row that is cleared
    sqlite_autoincrement=True,
)

dropped_tables = Table(
    "dropped_tables",
    project_metadata,
    Column("table_sequence", Integer, primary_key=True, autoincrement=False),
)
"""Tables that nobody sees any more and whose rows are still to be deleted."""

Index("ix_user_columns_status", user_columns.c.status)
Index("ix_user_indexes_status", user_indexes.c.status)
