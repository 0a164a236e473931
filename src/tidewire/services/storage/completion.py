"""Completion of uploads: when all chunks have arrived, an upload becomes a file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from tidewire.core.models import File
from tidewire.services.context import Context
from tidewire.services.storage.chunks import wrong_upload_id
from tidewire.services.storage.content import read_parts
from tidewire.services.storage.events import FILE_CREATED, publish_file
from tidewire.services.storage.records import file_of
from tidewire.store.engine.database import Transaction
from tidewire.store.objects.storage import ObjectMissingError
from tidewire.store.records import stored_files as records
from tidewire.store.records.stored_files import (
    Part,
    bucket_by_id,
    drop_upload_with,
    find_file,
    find_upload,
    parts_of_file,
    parts_of_upload,
)


async def complete_upload(context: Context, bucket_id: str, file_id: str, chunks: list[Part]) -> File:
    """Turn an upload of which all chunks are there into a file, unless another request does so first.

    The caller was allowed to send the last chunk, so nothing is checked again. Raises
    ``storage_invalid_appwrite_id`` if the upload was deleted meanwhile; its objects are then gone too.
    """

    def unit(transaction: Transaction) -> File:
        connection = transaction.connection
        bucket = bucket_by_id(connection, bucket_id)
        if bucket is None:
            raise wrong_upload_id()
        upload = find_upload(connection, bucket, file_id)
        present = [] if upload is None else list(parts_of_upload(connection, upload).values())
        if upload is not None and _keys(present) == _keys(chunks):
            # As they are now: what opens them may have been sealed anew.
            row = records.complete_upload(connection, bucket, upload, present, signature)
            return publish_file(transaction, context, FILE_CREATED, bucket, file_of(row, bucket.id))
        file = find_file(connection, bucket, file_id)
        if file is not None and _keys(parts_of_file(connection, file)) == _keys(chunks):
            return file_of(file, bucket.id)
        raise wrong_upload_id()

    try:
        signature = await _md5(context, chunks)
    except ObjectMissingError:
        # Either the upload was deleted, or a chunk's content is gone: then the upload is given up.
        key = chunks[0].key
        await context.database.write(lambda transaction: drop_upload_with(transaction.connection, key))
        raise wrong_upload_id() from None
    return await context.database.write(unit)


def _keys(parts: Sequence[Part]) -> list[str]:
    return [part.key for part in parts]


async def _md5(context: Context, parts: Sequence[Part]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    async for piece in read_parts(context.objects, parts, 0, sum(part.size for part in parts)):
        await asyncio.to_thread(digest.update, piece)
    return digest.hexdigest()
