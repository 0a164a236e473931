"""Buckets: what may be stored in them, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from sqlalchemy import delete, insert, select, update

from tidewire.core.checks.lists import Items, PermissionList, QueryList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.checks.texts import Choice, Search, Text
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Bucket, BucketList
from tidewire.core.permissions import expand_permissions
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.permissions import PARENT_ACTIONS
from tidewire.services.storage import operations
from tidewire.services.storage.events import BUCKET_CREATED, BUCKET_DELETED, BUCKET_UPDATED, publish_bucket
from tidewire.services.storage.records import bucket_of, find_bucket
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.grants import delete_grants, write_grants
from tidewire.store.records.stored_files import drop_files_of
from tidewire.store.schema import buckets

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

_LIST: Final = resource_list(
    buckets,
    "enabled",
    "name",
    "fileSecurity",
    "maximumFileSize",
    "encryption",
    "antivirus",
    "transformations",
)


@operations.declare(
    "createBucket",
    "POST",
    "/storage/buckets",
    scopes=("buckets.write",),
    status=201,
    event=BUCKET_CREATED,
)
async def create_bucket(
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
    new_id = unique_id() if bucket_id == "unique()" else bucket_id
    granted = expand_permissions(permissions, PARENT_ACTIONS) or []
    values = {
        "permissions": granted,
        "name": name,
        "file_security": file_security,
        "enabled": enabled,
        "maximum_file_size": _within_limit(context, maximum_file_size),
        "allowed_file_extensions": list(allowed_file_extensions),
        "compression": compression,
        "encryption": encryption,
        "antivirus": antivirus,
        "transformations": transformations,
    }

    def unit(transaction: Transaction) -> Bucket:
        connection = transaction.connection
        if connection.execute(select(buckets.c.sequence).where(buckets.c.id == new_id)).first():
            raise TidewireError("storage_bucket_already_exists", "A bucket with this id already exists.")
        moment = now()
        connection.execute(insert(buckets).values(id=new_id, created_at=moment, updated_at=moment, **values))
        return _publish(transaction, context, BUCKET_CREATED, new_id, granted)

    return await context.database.write(unit)


@operations.declare("listBuckets", "GET", "/storage/buckets", scopes=("buckets.read",))
async def list_buckets(
    context: Context,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    search: Search = "",
    total: Boolean = True,
) -> BucketList:
    """List the buckets."""
    count, rows = await context.database.read(
        lambda connection: list_rows(connection, _LIST, queries, search, (), total)
    )
    return BucketList(total=count, buckets=[bucket_of(row) for row in rows])


@operations.declare("getBucket", "GET", "/storage/buckets/{bucketId}", scopes=("buckets.read",))
async def get_bucket(context: Context, bucket_id: ResourceId) -> Bucket:
    """Get a bucket."""
    return await context.database.read(
        lambda connection: bucket_of(find_bucket(connection, context.caller, bucket_id))
    )


@operations.declare(
    "updateBucket",
    "PUT",
    "/storage/buckets/{bucketId}",
    scopes=("buckets.write",),
    event=BUCKET_UPDATED,
)
async def update_bucket(
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
    values = {
        "name": name,
        "file_security": file_security,
        "enabled": enabled,
        "maximum_file_size": _within_limit(context, maximum_file_size),
        "allowed_file_extensions": list(allowed_file_extensions),
        "compression": compression,
        "encryption": encryption,
        "antivirus": antivirus,
        "transformations": transformations,
    }
    granted = expand_permissions(permissions, PARENT_ACTIONS)

    def unit(transaction: Transaction) -> Bucket:
        connection = transaction.connection
        row = find_bucket(connection, context.caller, bucket_id)
        kept = row.permissions if granted is None else granted
        connection.execute(
            update(buckets)
            .where(buckets.c.sequence == row.sequence)
            .values(updated_at=now(), permissions=kept, **values)
        )
        return _publish(transaction, context, BUCKET_UPDATED, bucket_id, granted)

    return await context.database.write(unit)


@operations.declare(
    "deleteBucket",
    "DELETE",
    "/storage/buckets/{bucketId}",
    scopes=("buckets.write",),
    event=BUCKET_DELETED,
)
async def delete_bucket(context: Context, bucket_id: ResourceId) -> None:
    """Delete a bucket with all its files; no event tells of the single files."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        row = find_bucket(connection, context.caller, bucket_id)
        drop_files_of(connection, row.sequence)
        delete_grants(connection, "bucket", row.sequence)
        connection.execute(delete(buckets).where(buckets.c.sequence == row.sequence))
        publish_bucket(transaction, context, BUCKET_DELETED, bucket_of(row))

    await context.database.write(unit)


def _within_limit(context: Context, size: int) -> int:
    limit = context.settings.max_file_bytes
    if size > limit and size != DEFAULT_FILE_SIZE:
        raise TidewireError(
            "general_argument_invalid",
            f"Invalid `maximumFileSize` param: Value must be between 1 and {limit}, this server's limit.",
        )
    return min(size, limit)


def _publish(
    transaction: Transaction, context: Context, pattern: str, bucket_id: str, granted: Sequence[str] | None
) -> Bucket:
    connection = transaction.connection
    row: Any = connection.execute(select(buckets).where(buckets.c.id == bucket_id)).one()
    if granted is not None:
        write_grants(connection, "bucket", row.sequence, granted)
    bucket = bucket_of(row)
    publish_bucket(transaction, context, pattern, bucket)
    return bucket
