"""Files: found, listed, described, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core.checks.lists import PermissionList, QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search, Text
from tidewire.core.identities import Caller
from tidewire.core.models import File, FileList
from tidewire.core.permissions import expand_permissions
from tidewire.core.rate_limits import RateLimit
from tidewire.services.context import Context
from tidewire.services.permissions import ITEM_ACTIONS, PARENT_ACTIONS, may, require_grantable, unauthorized
from tidewire.services.storage import operations
from tidewire.services.storage.events import FILE_DELETED, FILE_UPDATED, publish_file
from tidewire.services.storage.records import (
    file_of,
    file_to,
    find_bucket,
    may_in_bucket,
    previews_folder,
    unfinished_file_of,
    uploader_of,
)
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records import stored_files as records
from tidewire.store.records.stored_files import (
    FILES,
    change_file,
    drop_file,
    drop_upload,
    find_file,
    find_upload,
    parts_of_upload,
)

_FILE: Final = "/storage/buckets/{bucketId}/files/{fileId}"


@operations.read("listFiles", "GET", "/storage/buckets/{bucketId}/files", scopes=("files.read",))
def list_files(
    connection: Connection,
    context: Context,
    bucket_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(FILES.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> FileList:
    """List the files of a bucket that the caller may read; uploads that are not complete are no files."""
    bucket = find_bucket(connection, context.caller, bucket_id)
    readers = None if may(context.caller, "read", bucket.permissions) else context.caller.roles
    if readers is not None and not bucket.file_security:
        raise unauthorized("list", "the files of this bucket")
    count, rows = records.list_files(connection, bucket, queries, search, total, readers)
    return FileList(total=count, files=[file_of(row, bucket_id) for row in rows])


@operations.read("getFile", "GET", _FILE, scopes=("files.read",))
def get_file(connection: Connection, context: Context, bucket_id: ResourceId, file_id: ResourceId) -> File:
    """Get the description of a file, or of an own upload that is not complete yet."""
    bucket = find_bucket(connection, context.caller, bucket_id)
    upload = _own_upload(connection, context.caller, bucket, file_id)
    if upload is not None:
        return unfinished_file_of(upload, bucket_id, _first_missing(connection, upload) - 1)
    return file_of(file_to("read", connection, context.caller, bucket, file_id), bucket_id)


@operations.write("updateFile", "PUT", _FILE, scopes=("files.write",), event=FILE_UPDATED)
def update_file(
    transaction: Transaction,
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    name: Annotated[str, Text(1, 128)] | None = None,
    permissions: Annotated[Sequence[str], PermissionList((*PARENT_ACTIONS, "write"))] | None = None,
) -> File:
    """Rename a file or change its permissions; what is not given stays."""
    connection = transaction.connection
    bucket = find_bucket(connection, context.caller, bucket_id)
    granted = expand_permissions(permissions, ITEM_ACTIONS)
    row = find_file(connection, bucket, file_id)
    if row is None or not _only_shown(context.caller, bucket, row, name, granted):
        row = file_to("update", connection, context.caller, bucket, file_id)
    changes: dict[str, Any] = {"name": name or row.name}
    if granted is not None:
        require_grantable(context.caller, granted)
        changes["permissions"] = granted
    file = file_of(change_file(connection, row, **changes), bucket_id)
    return publish_file(transaction, context, FILE_UPDATED, bucket, file)


@operations.declare(
    "deleteFile",
    "DELETE",
    _FILE,
    scopes=("files.write",),
    event=FILE_DELETED,
    limit=RateLimit(60, 60, ("ip:{ip},method:{method},url:{url},userId:{userId}",)),
)
async def delete_file(context: Context, bucket_id: ResourceId, file_id: ResourceId) -> None:
    """Delete a file, or abandon an own upload that is not complete yet."""
    folder = await context.database.write(
        lambda transaction: _delete(transaction, context, bucket_id, file_id)
    )
    if context.pictures is not None and folder:
        await context.pictures.forget(folder)


def _delete(transaction: Transaction, context: Context, bucket_id: str, file_id: str) -> str:
    """Delete what has this id; where previews of it are kept, empty for an upload."""
    connection = transaction.connection
    bucket = find_bucket(connection, context.caller, bucket_id)
    upload = _own_upload(connection, context.caller, bucket, file_id)
    if upload is not None:
        drop_upload(connection, upload.sequence)
        return ""
    row = file_to("delete", connection, context.caller, bucket, file_id)
    drop_file(connection, row)
    publish_file(transaction, context, FILE_DELETED, bucket, file_of(row, bucket_id))
    return previews_folder(context.project, bucket, row)


def _only_shown(
    caller: Caller, bucket: Row[Any], row: Row[Any], name: str | None, granted: Sequence[str] | None
) -> bool:
    """Whether an update changes nothing, which is open to those who may read."""
    kept = name in {None, row.name} and granted in (None, row.permissions)
    return kept and may_in_bucket(caller, "read", bucket, row)


def _own_upload(connection: Connection, caller: Caller, bucket: Row[Any], file_id: str) -> Row[Any] | None:
    """An upload that is not complete yet; only its uploader, and API keys, know of it."""
    upload = find_upload(connection, bucket, file_id)
    if upload is None or not (caller.bypasses_permissions or upload.uploader == uploader_of(caller)):
        return None
    return upload


def _first_missing(connection: Connection, upload: Row[Any]) -> int:
    """Number of the first chunk that has not arrived, or of the last chunk.

    SDKs resume by the count of chunks, as if they had arrived in order: with the count of those before the
    first gap they send all that is missing. If all have arrived but the upload was not completed, they send
    the last one again, which completes it.
    """
    arrived = parts_of_upload(connection, upload)
    last = int(upload.chunks_total)
    return next((number for number in range(1, last) if number not in arrived), last)
