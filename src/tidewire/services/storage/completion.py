"""From an upload of which all chunks are there to a file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select

from tidewire.core.models import File
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.storage.chunks import wrong_upload_id
from tidewire.services.storage.content import Part, parts_of, read_parts
from tidewire.services.storage.events import FILE_CREATED, publish_file
from tidewire.services.storage.records import file_of, find_file, find_upload
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.objects.storage import ObjectMissingError
from tidewire.store.records.grants import write_grants
from tidewire.store.records.stored_files import add_to_bucket, drop_upload
from tidewire.store.schema import buckets, file_parts, files, upload_parts, uploads

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


_KEPT: Final = (
    "id",
    "created_at",
    "permissions",
    "name",
    "folder",
    "mime_type",
    "size",
    "chunks_total",
    "uploader",
)
"""What an upload and its file have in common."""


async def complete_upload(context: Context, bucket_id: str, file_id: str, chunks: list[Part]) -> File:
    """Turn an upload of which all chunks are there into a file, unless another request does so first.

    The caller was allowed to send the last chunk, so nothing is checked again. Raises
    ``storage_invalid_appwrite_id`` if the upload was deleted meanwhile; its objects are then gone too.
    """

    def unit(transaction: Transaction) -> File:
        connection = transaction.connection
        bucket = connection.execute(select(buckets).where(buckets.c.id == bucket_id)).one_or_none()
        upload = find_upload(connection, bucket, file_id) if bucket else None
        if bucket and upload and chunks_of(connection, upload) == chunks:
            connection.execute(delete(uploads).where(uploads.c.sequence == upload.sequence))
            fields = {column: getattr(upload, column) for column in _KEPT}
            fields["updated_at"] = now()
            return insert_file(transaction, context, bucket, fields, chunks, signature)
        row = find_file(connection, bucket, file_id) if bucket else None
        if bucket and row and parts_of(connection, row.sequence) == chunks:
            return file_of(row, bucket.id)
        raise wrong_upload_id()

    try:
        signature = await _md5(context, chunks)
    except ObjectMissingError:
        await context.database.write(lambda transaction: _abandon(transaction.connection, chunks))
        raise wrong_upload_id() from None
    return await context.database.write(unit)


def _abandon(connection: Connection, chunks: Sequence[Part]) -> None:
    """Give up the upload of which a chunk's content is gone, unless that is because it was deleted."""
    upload = connection.scalar(
        select(upload_parts.c.upload_sequence).where(upload_parts.c.key == chunks[0].key)
    )
    if upload is not None:
        drop_upload(connection, upload)


def chunks_of(connection: Connection, upload: Row[Any]) -> list[Part]:
    """The parts of an upload that have arrived, in their order."""
    rows = connection.execute(
        select(upload_parts.c.key, upload_parts.c.size)
        .where(upload_parts.c.upload_sequence == upload.sequence)
        .order_by(upload_parts.c.number)
    )
    return [Part(key, size) for key, size in rows]


async def _md5(context: Context, parts: Sequence[Part]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    async for piece in read_parts(context.objects, parts, 0, sum(part.size for part in parts)):
        await asyncio.to_thread(digest.update, piece)
    return digest.hexdigest()
