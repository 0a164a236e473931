"""Removal of files and uploads; their objects are deleted after the commit."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, delete, select, update

from tidewire.store.engine.connection import Connection
from tidewire.store.records.deletions import discard_objects
from tidewire.store.records.grants import delete_grants
from tidewire.store.schema import buckets, file_parts, files, upload_parts, uploads

_ADD_TO_BUCKET: Final = (
    update(buckets)
    .where(buckets.c.sequence == bindparam("bucket_sequence"))
    .values(total_size=buckets.c.total_size + bindparam("added"))
)


def drop_file(connection: Connection, file_sequence: int, bucket_sequence: int, size: int) -> None:
    """Delete a file of ``size`` bytes from its bucket."""
    discard_objects(connection, select(file_parts.c.key).where(file_parts.c.file_sequence == file_sequence))
    delete_grants(connection, "file", file_sequence)
    connection.execute(delete(files).where(files.c.sequence == file_sequence))
    add_to_bucket(connection, bucket_sequence, -size)


def drop_upload(connection: Connection, upload_sequence: int) -> None:
    """Delete an upload that is not complete."""
    discard_objects(
        connection, select(upload_parts.c.key).where(upload_parts.c.upload_sequence == upload_sequence)
    )
    connection.execute(delete(uploads).where(uploads.c.sequence == upload_sequence))


def drop_files_of(connection: Connection, bucket_sequence: int) -> None:
    """Delete all files and uploads of a bucket that is about to be deleted itself."""
    in_bucket = select(files.c.sequence).where(files.c.bucket_sequence == bucket_sequence)
    uploading = select(uploads.c.sequence).where(uploads.c.bucket_sequence == bucket_sequence)
    discard_objects(connection, select(file_parts.c.key).where(file_parts.c.file_sequence.in_(in_bucket)))
    discard_objects(
        connection, select(upload_parts.c.key).where(upload_parts.c.upload_sequence.in_(uploading))
    )
    delete_grants(connection, "file", in_bucket)
    connection.execute(delete(files).where(files.c.bucket_sequence == bucket_sequence))
    connection.execute(delete(uploads).where(uploads.c.bucket_sequence == bucket_sequence))


def add_to_bucket(connection: Connection, bucket_sequence: int, size: int) -> None:
    """Write the size of the bucket's content; it is no setting, so ``$updatedAt`` stays."""
    connection.execute(_ADD_TO_BUCKET, {"bucket_sequence": bucket_sequence, "added": size})
