"""The one place where files come into being."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, insert

from tidewire.core.models import File
from tidewire.services.context import Context
from tidewire.services.storage.content import Part
from tidewire.services.storage.deletion import add_to_bucket
from tidewire.services.storage.events import FILE_CREATED, publish_file
from tidewire.services.storage.records import file_of
from tidewire.store.engine.database import Transaction
from tidewire.store.records.grants import write_grants
from tidewire.store.schema import file_parts, files

_INSERT: Final = insert(files).returning(files)
_INSERT_PARTS: Final = insert(file_parts)


def insert_file(
    transaction: Transaction,
    context: Context,
    bucket: Row[Any],
    fields: dict[str, Any],
    parts: Sequence[Part],
    signature: str,
) -> File:
    """Write a complete file and tell of it."""
    connection = transaction.connection
    row = connection.execute(
        _INSERT, {**fields, "bucket_sequence": bucket.sequence, "signature": signature}
    ).one()
    connection.execute(
        _INSERT_PARTS,
        [
            {"file_sequence": row.sequence, "position": position, "key": part.key, "size": part.size}
            for position, part in enumerate(parts)
        ],
    )
    write_grants(connection, "file", row.sequence, row.permissions)
    add_to_bucket(connection, bucket.sequence, row.size)
    file = file_of(row, bucket.id)
    publish_file(transaction, context, FILE_CREATED, bucket, file)
    return file
