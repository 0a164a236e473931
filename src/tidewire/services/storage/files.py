"""Files: found, listed, described, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from sqlalchemy import ColumnElement, Row, select, update

from tidewire.core.checks.lists import PermissionList, QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.checks.texts import Search, Text
from tidewire.core.identities import Caller
from tidewire.core.models import File, FileList
from tidewire.core.permissions import expand_permissions
from tidewire.core.rate_limits import RateLimit
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.permissions import ITEM_ACTIONS, PARENT_ACTIONS, may, require_grantable, unauthorized
from tidewire.services.storage import operations
from tidewire.services.storage.events import FILE_DELETED, FILE_UPDATED, publish_file
from tidewire.services.storage.records import (
    file_of,
    file_to,
    find_bucket,
    find_file,
    find_upload,
    may_in_bucket,
    unfinished_file_of,
    uploader_of,
)
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.grants import readable_among, write_grants
from tidewire.store.records.stored_files import drop_file, drop_upload
from tidewire.store.schema import files, upload_parts

_LIST: Final = resource_list(
    files,
    "name",
    "folder",
    "signature",
    "mimeType",
    "sizeOriginal",
    "chunksTotal",
    "chunksUploaded",
    columns={"sizeOriginal": files.c.size, "chunksUploaded": files.c.chunks_total},
)


@operations.declare("listFiles", "GET", "/storage/buckets/{bucketId}/files", scopes=("files.read",))
async def list_files(
    context: Context,
    bucket_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> FileList:
    """List the files of a bucket that the caller may read; uploads that are not complete are no files."""

    def unit(connection: Connection) -> FileList:
        bucket = find_bucket(connection, context.caller, bucket_id)
        count, rows = list_rows(
            connection, _LIST, queries, search, _readable(connection, context.caller, bucket), total
        )
        return FileList(total=count, files=[file_of(row, bucket_id) for row in rows])

    return await context.database.read(unit)


@operations.declare("getFile", "GET", "/storage/buckets/{bucketId}/files/{fileId}", scopes=("files.read",))
async def get_file(context: Context, bucket_id: ResourceId, file_id: ResourceId) -> File:
    """Get the description of a file, or of an own upload that is not complete yet."""

    def unit(connection: Connection) -> File:
        bucket = find_bucket(connection, context.caller, bucket_id)
        upload = _own_upload(connection, context.caller, bucket, file_id)
        if upload is not None:
            return unfinished_file_of(upload, bucket_id, _first_missing(connection, upload) - 1)
        return file_of(file_to("read", connection, context.caller, bucket, file_id), bucket_id)

    return await context.database.read(unit)


@operations.declare(
    "updateFile",
    "PUT",
    "/storage/buckets/{bucketId}/files/{fileId}",
    scopes=("files.write",),
    event=FILE_UPDATED,
)
async def update_file(
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    name: Annotated[str, Text(1, 128)] | None = None,
    permissions: Annotated[Sequence[str], PermissionList((*PARENT_ACTIONS, "write"))] | None = None,
) -> File:
    """Rename a file or change its permissions; what is not given stays."""
    granted = expand_permissions(permissions, ITEM_ACTIONS)

    def unit(transaction: Transaction) -> File:
        connection = transaction.connection
        bucket = find_bucket(connection, context.caller, bucket_id)
        row = find_file(connection, bucket, file_id)
        if row is None or not _only_shown(context.caller, bucket, row, name, granted):
            row = file_to("update", connection, context.caller, bucket, file_id)
        changed = (name or row.name, row.permissions if granted is None else granted)
        if granted is not None:
            require_grantable(context.caller, granted)
            write_grants(connection, "file", row.sequence, granted)
        connection.execute(
            update(files)
            .where(files.c.sequence == row.sequence)
            .values(name=changed[0], permissions=changed[1], updated_at=now())
        )
        file = file_of(
            connection.execute(select(files).where(files.c.sequence == row.sequence)).one(), bucket_id
        )
        publish_file(transaction, context, FILE_UPDATED, bucket, file)
        return file

    return await context.database.write(unit)


@operations.declare(
    "deleteFile",
    "DELETE",
    "/storage/buckets/{bucketId}/files/{fileId}",
    scopes=("files.write",),
    event=FILE_DELETED,
    limit=RateLimit(60, 60, ("ip:{ip},method:{method},url:{url},userId:{userId}",)),
)
async def delete_file(context: Context, bucket_id: ResourceId, file_id: ResourceId) -> None:
    """Delete a file, or abandon an own upload that is not complete yet."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        bucket = find_bucket(connection, context.caller, bucket_id)
        upload = _own_upload(connection, context.caller, bucket, file_id)
        if upload is not None:
            drop_upload(connection, upload.sequence)
            return
        row = file_to("delete", connection, context.caller, bucket, file_id)
        drop_file(connection, row.sequence, bucket.sequence, row.size)
        publish_file(transaction, context, FILE_DELETED, bucket, file_of(row, bucket_id))

    await context.database.write(unit)


def _only_shown(
    caller: Caller, bucket: Row[Any], row: Row[Any], name: str | None, granted: Sequence[str] | None
) -> bool:
    """Whether an update changes nothing, which is open to those who may read."""
    kept = name in {None, row.name} and granted in (None, row.permissions)
    return kept and may_in_bucket(caller, "read", bucket, row)


def _readable(connection: Connection, caller: Caller, bucket: Row[Any]) -> list[ColumnElement[bool]]:
    """What makes a file readable to the caller; raises ``user_unauthorized`` if nothing could."""
    in_bucket = files.c.bucket_sequence == bucket.sequence
    if may(caller, "read", bucket.permissions):
        return [in_bucket]
    if not bucket.file_security:
        raise unauthorized("list", "the files of this bucket")
    return [in_bucket, readable_among(connection, "file", files.c.sequence, caller.roles)]


def _own_upload(connection: Connection, caller: Caller, bucket: Row[Any], file_id: str) -> Row[Any] | None:
    """An upload that is not complete yet; only its uploader, and API keys, know of it."""
    upload = find_upload(connection, bucket, file_id)
    if upload is None or not (caller.bypasses_permissions or upload.uploader == uploader_of(caller)):
        return None
    return upload


def _first_missing(connection: Connection, upload: Row[Any]) -> int:
    """Number of the first chunk that has not arrived.

    SDKs resume by the count of chunks, as if they had arrived in order: what comes before the first gap
    is the count that makes them send all that is missing. Should the last step of completing have been
    interrupted, they send the last chunk again, which takes that step.
    """
    numbers = connection.scalars(
        select(upload_parts.c.number)
        .where(upload_parts.c.upload_sequence == upload.sequence)
        .order_by(upload_parts.c.number)
    )
    expected = 1
    for number in numbers:
        if number != expected:
            break
        expected += 1
    return min(expected, int(upload.chunks_total))
