"""Buckets: what may be stored in them, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from tidewire.core.checks.lists import Items, PermissionList, QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.checks.texts import Choice, Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import chosen_id
from tidewire.core.models import Bucket, BucketList
from tidewire.core.permissions import expand_permissions
from tidewire.services.context import Context
from tidewire.services.permissions import PARENT_ACTIONS
from tidewire.services.storage import operations
from tidewire.services.storage.events import BUCKET_CREATED, BUCKET_DELETED, BUCKET_UPDATED, publish_bucket
from tidewire.services.storage.records import bucket_of, find_bucket, previews_folder
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.stored_files import (
    BUCKETS,
    bucket_by_id,
    change_bucket,
    drop_bucket,
    insert_bucket,
)

DEFAULT_FILE_SIZE: Final = 30_000_000
"""Bytes that a file may have in a bucket that says nothing about it."""


@dataclass(frozen=True)
class FileSize(Whole):
    """Bytes of a file.

    The catalog states the bounds of the default configuration; the deployment's own upper bound, a
    setting, is checked by the operation.
    """

    def convert(self, value: object) -> int:
        return Whole(self.minimum, 2**53).convert(value)


Name = Annotated[str, Text(1, 128)]
Permissions = Annotated[Sequence[str], PermissionList((*PARENT_ACTIONS, "write"))]
MaximumFileSize = Annotated[int, FileSize(1, DEFAULT_FILE_SIZE)]
Extensions = Annotated[Sequence[str], Items(Text(1, 64))]
Compression = Annotated[Literal["none", "gzip", "zstd"], Choice(("none", "gzip", "zstd"))]

_BUCKET: Final = "/storage/buckets/{bucketId}"


@operations.write(
    "createBucket", "POST", "/storage/buckets", scopes=("buckets.write",), status=201, event=BUCKET_CREATED
)
def create_bucket(
    transaction: Transaction,
    context: Context,
    bucket_id: CustomId,
    name: Name,
    permissions: Permissions | None = None,
    file_security: Boolean = False,
    enabled: Boolean = True,
    maximum_file_size: MaximumFileSize = DEFAULT_FILE_SIZE,
    allowed_file_extensions: Extensions = (),
    compression: Compression = "none",
    encryption: Boolean = True,
    antivirus: Boolean = True,
    transformations: Boolean = True,
) -> Bucket:
    """Create a bucket."""
    new_id = chosen_id(bucket_id)
    if bucket_by_id(transaction.connection, new_id) is not None:
        raise TidewireError("storage_bucket_already_exists", "A bucket with this id already exists.")
    row = insert_bucket(
        transaction.connection,
        id=new_id,
        permissions=expand_permissions(permissions, PARENT_ACTIONS) or [],
        name=name,
        file_security=file_security,
        enabled=enabled,
        maximum_file_size=_within_limit(context, maximum_file_size),
        allowed_file_extensions=list(allowed_file_extensions),
        compression=compression,
        encryption=encryption,
        antivirus=antivirus,
        transformations=transformations,
    )
    return publish_bucket(transaction, context, BUCKET_CREATED, bucket_of(row))


@operations.read("listBuckets", "GET", "/storage/buckets", scopes=("buckets.read",))
def list_buckets(
    connection: Connection,
    _: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(BUCKETS.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> BucketList:
    """List the buckets."""
    count, rows = list_rows(connection, BUCKETS, queries, search, (), total)
    return BucketList(total=count, buckets=[bucket_of(row) for row in rows])


@operations.read("getBucket", "GET", _BUCKET, scopes=("buckets.read",))
def get_bucket(connection: Connection, context: Context, bucket_id: ResourceId) -> Bucket:
    """Get a bucket."""
    return bucket_of(find_bucket(connection, context.caller, bucket_id))


@operations.write("updateBucket", "PUT", _BUCKET, scopes=("buckets.write",), event=BUCKET_UPDATED)
def update_bucket(
    transaction: Transaction,
    context: Context,
    bucket_id: ResourceId,
    name: Name,
    permissions: Permissions | None = None,
    file_security: Boolean = False,
    enabled: Boolean = True,
    maximum_file_size: MaximumFileSize = DEFAULT_FILE_SIZE,
    allowed_file_extensions: Extensions = (),
    compression: Compression = "none",
    encryption: Boolean = True,
    antivirus: Boolean = True,
    transformations: Boolean = True,
) -> Bucket:
    """Replace the settings of a bucket; permissions that are not given stay."""
    row = find_bucket(transaction.connection, context.caller, bucket_id)
    granted = expand_permissions(permissions, PARENT_ACTIONS)
    row = change_bucket(
        transaction.connection,
        row,
        name=name,
        file_security=file_security,
        enabled=enabled,
        maximum_file_size=_within_limit(context, maximum_file_size),
        allowed_file_extensions=list(allowed_file_extensions),
        compression=compression,
        encryption=encryption,
        antivirus=antivirus,
        transformations=transformations,
        **({} if granted is None else {"permissions": granted}),
    )
    return publish_bucket(transaction, context, BUCKET_UPDATED, bucket_of(row))


@operations.declare("deleteBucket", "DELETE", _BUCKET, scopes=("buckets.write",), event=BUCKET_DELETED)
async def delete_bucket(context: Context, bucket_id: ResourceId) -> None:
    """Delete a bucket with all its files; there is no event for a single file."""
    folder = await context.database.write(lambda transaction: _delete(transaction, context, bucket_id))
    if context.pictures is not None:
        await context.pictures.forget(folder)


def _delete(transaction: Transaction, context: Context, bucket_id: str) -> str:
    """Delete a bucket; where previews of its files are kept."""
    row = find_bucket(transaction.connection, context.caller, bucket_id)
    drop_bucket(transaction.connection, row.sequence)
    publish_bucket(transaction, context, BUCKET_DELETED, bucket_of(row))
    return previews_folder(context.project, row)


def _within_limit(context: Context, size: int) -> int:
    limit = context.settings.max_file_bytes
    if size > limit and size != DEFAULT_FILE_SIZE:
        raise TidewireError(
            "general_argument_invalid",
            f"Invalid `maximumFileSize` param: Value must be between 1 and {limit}, this server's limit.",
        )
    return min(size, limit)
