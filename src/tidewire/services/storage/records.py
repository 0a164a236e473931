"""Buckets and files, found with the caller's permissions and shown as the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.models import Bucket, File
from tidewire.core.uploads import PLAIN, Storing
from tidewire.services.answers import shown
from tidewire.services.permissions import may, unauthorized
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.instance.instance import Project
from tidewire.store.records.stored_files import bucket_by_id, find_file


def find_bucket(connection: Connection, caller: Caller, bucket_id: str) -> Row[Any]:
    """A bucket; disabled ones exist only for keys. Raises ``storage_bucket_not_found``."""
    row = bucket_by_id(connection, bucket_id)
    if row is None or not (row.enabled or caller.bypasses_permissions):
        raise TidewireError("storage_bucket_not_found", "There is no bucket with this id.")
    return row


def may_in_bucket(caller: Caller, action: str, bucket: Row[Any], file: Row[Any]) -> bool:
    """Whether the bucket's grants, or the file's where they count, let the caller do ``action``."""
    if bucket.file_security:
        return may(caller, action, bucket.permissions, file.permissions)
    return may(caller, action, bucket.permissions)


def file_to(action: str, connection: Connection, caller: Caller, bucket: Row[Any], file_id: str) -> Row[Any]:
    """A complete file with which the caller may do ``action``.

    Raises ``user_unauthorized``, whether or not there is such a file, where the bucket alone decides and does
    not let the caller read: nobody learns which files there are. Elsewhere raises ``storage_file_not_found``
    for a file with which the caller may do nothing, and for one to be read that they may not read;
    ``user_unauthorized`` for any other file with which they may not do this.
    """
    row = find_file(connection, bucket, file_id)
    if row is not None and may_in_bucket(caller, action, bucket, row):
        return row
    may_read_all = may(caller, "read", bucket.permissions)
    if not bucket.file_security and not may_read_all and not may(caller, action, bucket.permissions):
        raise TidewireError("user_unauthorized", f"No permissions provided for action '{action}'")
    shown = ("read",) if action == "read" else ("read", "update", "delete")
    if row is None or not any(may_in_bucket(caller, each, bucket, row) for each in shown):
        raise file_not_found()
    raise unauthorized(action, "this file")


def storing_in_bucket(connection: Connection, values: Mapping[str, str]) -> Storing:
    """How new files are stored in the bucket that a request names."""
    bucket = bucket_by_id(connection, values.get("bucketId", ""))
    return PLAIN if bucket is None else Storing(bucket.compression, bucket.encryption)


def uploader_of(caller: Caller) -> str:
    """Return the name that an upload is kept under: that of the user, one for all keys, or one for all
    guests."""
    if caller.user_id:
        return f"user:{caller.user_id}"
    return "keys" if caller.bypasses_permissions else "guests"


def previews_folder(project: Project, bucket: Row[Any], file: Row[Any] | None = None) -> str:
    """Return where the previews of a bucket, or of one of its files, are kept.

    Sequences are never used again.
    """
    of_bucket = f"previews/{project.id}/{bucket.sequence}"
    return of_bucket if file is None else f"{of_bucket}/{file.sequence}"


def file_not_found() -> TidewireError:
    """The error for a file that does not exist, at least for the caller."""
    return TidewireError("storage_file_not_found", "There is no file with this id in this bucket.")


def bucket_of(row: Row[Any]) -> Bucket:
    """The bucket as the API shows it."""
    return shown(Bucket, row)


def file_of(row: Row[Any], bucket_id: str) -> File:
    """The file as the API shows it."""
    return _file(row, bucket_id, chunks_uploaded=row.chunks_total, size_actual=row.size_actual)


def unfinished_file_of(row: Row[Any], bucket_id: str, chunks_uploaded: int) -> File:
    """An upload that is not complete, shown as the file that it will become."""
    return _file(
        row,
        bucket_id,
        signature="",
        chunks_uploaded=chunks_uploaded,
        encryption=False,
        compression="none",
        size_actual=row.size,
    )


def _file(row: Row[Any], bucket_id: str, **fields: Any) -> File:
    key = row.folder + row.name
    return shown(File, row, bucket_id=bucket_id, key=key, size_original=row.size, **fields)
