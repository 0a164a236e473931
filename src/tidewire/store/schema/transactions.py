"""Tables of transactions on rows: what was staged, and what the rows were like that it is about."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from tidewire.store.schema.columns import (
    HASH_LENGTH,
    ID_LENGTH,
    Bytes,
    Milliseconds,
    flag,
    number,
    project_metadata,
    resource,
    sequence,
)

transactions = Table(
    "transactions",
    project_metadata,
    *resource(),
    Column(
        "kind", String(16), nullable=False
    ),  # of the databases it is about: legacy, documentsdb, vectorsdb
    Column("owner_id", String(ID_LENGTH), nullable=False, index=True),  # the user; empty: API keys
    Column("status", String(16), nullable=False),  # pending, committed or failed
    number("operations"),
    Column("size", Bytes, nullable=False, default=0, server_default="0"),  # of the staged operations
    Column("expires_at", Milliseconds, nullable=False, index=True),
    sqlite_autoincrement=True,
)

transaction_operations = Table(
    "transaction_operations",
    project_metadata,
    sequence(),
    Column(
        "transaction_sequence",
        ForeignKey("transactions.sequence", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("stager_kind", String(8), nullable=False),
    Column("stager_id", String(ID_LENGTH), nullable=False),  # the user; empty: an API key
    Column("action", String(16), nullable=False),
    Column("arguments", Text, nullable=False),  # JSON object, sealed
    sqlite_autoincrement=True,
)

transaction_rows = Table(
    "transaction_rows",
    project_metadata,
    Column(
        "transaction_sequence",
        Integer,
        ForeignKey("transactions.sequence", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("database_id", String(ID_LENGTH), primary_key=True),
    Column("table_id", String(ID_LENGTH), primary_key=True),
    Column("row_id", String(ID_LENGTH), primary_key=True),
    Column("fingerprint", String(HASH_LENGTH), nullable=False),  # when first read or staged; empty: no row
    flag("written", False),
    sqlite_with_rowid=False,
)
