"""Rows of buckets and files: found with the caller's permissions, and turned into what the API answers."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, bindparam, select

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.models import Bucket, File
from tidewire.services.answers import shown
from tidewire.services.permissions import may, unauthorized
from tidewire.store.engine.connection import Connection
from tidewire.store.schema import buckets, files, uploads

# Built once: building a statement takes longer than executing it.
_BUCKET: Final = select(buckets).where(buckets.c.id == bindparam("id"))
_FILE: Final = select(files).where(
    files.c.bucket_sequence == bindparam("bucket_sequence"), files.c.id == bindparam("id")
)
_UPLOAD: Final = select(uploads).where(
    uploads.c.bucket_sequence == bindparam("bucket_sequence"), uploads.c.id == bindparam("id")
)


def find_bucket(connection: Connection, caller: Caller, bucket_id: str) -> Row[Any]:
    """Return a bucket; disabled ones exist only for keys. Raises ``storage_bucket_not_found``."""
    row = connection.execute(_BUCKET, {"id": bucket_id}).one_or_none()
    if row is None or not (row.enabled or caller.bypasses_permissions):
        raise TidewireError("storage_bucket_not_found", "There is no bucket with this id.")
    return row


def may_in_bucket(caller: Caller, action: str, bucket: Row[Any], file: Row[Any]) -> bool:
    """Tell whether the bucket's grants, or the file's where they count, let the caller do ``action``."""
    if bucket.file_security:
        return may(caller, action, bucket.permissions, file.permissions)
    return may(caller, action, bucket.permissions)


def find_file(connection: Connection, bucket: Row[Any], file_id: str) -> Row[Any] | None:
    """Return a complete file, whoever asks."""
    return connection.execute(_FILE, {"bucket_sequence": bucket.sequence, "id": file_id}).one_or_none()


def file_to(action: str, connection: Connection, caller: Caller, bucket: Row[Any], file_id: str) -> Row[Any]:
    """Return a complete file with which the caller may do ``action``.

    Where the bucket alone decides and does not let the caller read, nobody learns which files there are:
    ``user_unauthorized``, whether or not there is one. Elsewhere a file with which the caller may do nothing
    does not exist: ``storage_file_not_found``; nor does one to be read that they may not read. Of any other
    file that they may not do this with they are told so: ``user_unauthorized``.
    """
    row = find_file(connection, bucket, file_id)
    if row is not None and may_in_bucket(caller, action, bucket, row):
        return row
    may_read_all = may(caller, "read", bucket.permissions)
    if not bucket.file_security and not may_read_all and not may(caller, action, bucket.permissions):
        raise unauthorized(action, "the files of this bucket")
    shown = ("read",) if action == "read" else ("read", "update", "delete")
    if row is None or not any(may_in_bucket(caller, each, bucket, row) for each in shown):
        raise file_not_found()
    raise unauthorized(action, "this file")


def find_upload(connection: Connection, bucket: Row[Any], file_id: str) -> Row[Any] | None:
    """Return an upload that is not complete yet, whoever asks."""
    return connection.execute(_UPLOAD, {"bucket_sequence": bucket.sequence, "id": file_id}).one_or_none()


def uploader_of(caller: Caller) -> str:
    """Who sends content: the user, or everybody without one of the same kind."""
    if caller.user_id:
        return f"user:{caller.user_id}"
    return "keys" if caller.bypasses_permissions else "guests"


def file_not_found() -> TidewireError:
    """The error for a file that does not exist, at least for the caller."""
    return TidewireError("storage_file_not_found", "There is no file with this id in this bucket.")


def bucket_of(row: Row[Any]) -> Bucket:
    """The bucket as the API shows it."""
    return shown(Bucket, row)


def file_of(row: Row[Any], bucket_id: str) -> File:
    """The file as the API shows it."""
    return _file(
        row,
        bucket_id,
        signature=row.signature,
        chunks_uploaded=row.chunks_total,
        encryption=row.encryption,
        compression=row.compression,
    )


def unfinished_file_of(row: Row[Any], bucket_id: str, chunks_uploaded: int) -> File:
    """An upload that is not complete, shown as the file that it will become."""
    return _file(
        row,
        bucket_id,
        signature="",
        chunks_uploaded=chunks_uploaded,
        encryption=False,
        compression="none",
    )


def _file(row: Row[Any], bucket_id: str, **fields: Any) -> File:
    return shown(
        File,
        row,
        bucket_id=bucket_id,
        key=row.folder + row.name,
        size_original=row.size,
        size_actual=row.size,
        **fields,
    )
