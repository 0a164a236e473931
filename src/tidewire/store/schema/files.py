"""Tables of buckets, files and unfinished uploads, and of everybody's permissions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from tidewire.store.schema.columns import (
    ID_LENGTH,
    Bytes,
    Milliseconds,
    Sequence,
    created,
    flag,
    json,
    project_metadata,
    resource,
    sequence,
    text,
    time,
)


def _stored() -> list[Column[Any]]:
    """How an object holds its content."""
    return [
        Column("stored_size", Bytes, nullable=False, default=0, server_default="0"),  # of the object
        text("compression", "none"),
        text("sealed_key"),  # what opens it; empty: it is not encrypted
    ]


buckets = Table(
    "buckets",
    project_metadata,
    *resource(),
    json("permissions", list),
    Column("name", String(128), nullable=False),
    flag("file_security", False),
    flag("enabled", True),
    Column("maximum_file_size", Bytes, nullable=False),
    json("allowed_file_extensions", list),
    text("compression", "none"),
    flag("encryption", True),
    flag("antivirus", True),
    flag("transformations", True),
    Column("total_size", Bytes, nullable=False, default=0, server_default="0"),
)

files = Table(
    "files",
    project_metadata,
    sequence(),
    Column("id", String(ID_LENGTH), nullable=False),
    Column("bucket_sequence", ForeignKey("buckets.sequence", ondelete="CASCADE"), nullable=False, index=True),
    *created(),
    json("permissions", list),
    text("name"),
    text("folder"),
    Column("signature", String(32), nullable=False),  # hex MD5 of the content
    text("mime_type"),
    Column("size", Bytes, nullable=False),
    Column("chunks_total", Integer, nullable=False, default=1, server_default="1"),
    text("uploader"),  # who sent the content: user:ID, guests or keys
    flag("encryption", False),
    text("compression", "none"),
    Column("size_actual", Bytes, nullable=False, default=0, server_default="0"),  # what its parts take
    UniqueConstraint("bucket_sequence", "id"),
)

file_tokens = Table(
    "file_tokens",
    project_metadata,
    *resource(),
    Column("file_sequence", ForeignKey("files.sequence", ondelete="CASCADE"), nullable=False, index=True),
    time("expires_at"),  # 0: never
    time("accessed_at"),
    Index(None, "expires_at"),
)
"""Tokens, each of which lets whoever has it read one file."""

file_parts = Table(
    "file_parts",
    project_metadata,
    Column("file_sequence", ForeignKey("files.sequence", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # order in the content, from 0
    Column("key", String(128), nullable=False, unique=True),  # in object storage
    Column("size", Bytes, nullable=False),  # of the content
    *_stored(),
    sqlite_with_rowid=False,
)
"""A file's content is its parts one after the other; they are never copied together."""

uploads = Table(
    "uploads",
    project_metadata,
    sequence(),
    Column("id", String(ID_LENGTH), nullable=False),  # of the file it will become
    Column("bucket_sequence", ForeignKey("buckets.sequence", ondelete="CASCADE"), nullable=False),
    *created(),
    text("uploader"),  # who began it: user:ID, guests or keys; only they may continue it
    json("permissions", list),
    text("name"),
    text("folder"),
    text("mime_type"),
    Column("size", Bytes, nullable=False),  # of the whole file, as announced
    Column("chunks_total", Integer, nullable=False),
    Column("chunks_uploaded", Integer, nullable=False, default=0, server_default="0"),
    UniqueConstraint("bucket_sequence", "id"),
    Index(None, "updated_at"),
)
"""Chunked uploads that are not complete yet."""

upload_parts = Table(
    "upload_parts",
    project_metadata,
    Column("upload_sequence", ForeignKey("uploads.sequence", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # of the chunk, from 1
    Column("key", String(128), nullable=False, unique=True),
    Column("size", Bytes, nullable=False),
    Column("md5", String(32), nullable=False),
    *_stored(),
    sqlite_with_rowid=False,
)

object_deletions = Table(
    "object_deletions",
    project_metadata,
    sequence(),
    Column("key", String(128), nullable=False, index=True),
    Column("created_at", Milliseconds, nullable=False),
)
"""Objects that no row refers to any more, still to be deleted from object storage."""

permissions = Table(
    "permissions",
    project_metadata,
    Column("resource_type", String(16), primary_key=True),
    Column("resource", Sequence, primary_key=True, autoincrement=False),  # sequence of its row
    Column("action", String(16), primary_key=True),
    Column("role", String(255), primary_key=True),
    Index(None, "role", "resource_type", "action", "resource"),
    sqlite_with_rowid=False,
)
