"""The content of files, on its way to clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import select

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.downloads import Download
from tidewire.services.context import Context
from tidewire.services.storage import operations
from tidewire.services.storage.records import file_to, find_bucket
from tidewire.store.engine.connection import Connection
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.schema import file_parts

Token = Annotated[str, Text(1, 512)]


@operations.declare(
    "getFileDownload",
    "GET",
    "/storage/buckets/{bucketId}/files/{fileId}/download",
    scopes=("files.read",),
)
async def get_file_download(
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    token: Token = "",  # noqa: ARG001 - file tokens grant nothing
) -> Download:
    """Get the content of a file, to be saved."""
    return await _download(context, bucket_id, file_id, inline=False)


@operations.declare(
    "getFileView",
    "GET",
    "/storage/buckets/{bucketId}/files/{fileId}/view",
    scopes=("files.read",),
)
async def get_file_view(
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    token: Token = "",  # noqa: ARG001 - file tokens grant nothing
) -> Download:
    """Get the content of a file, to be shown."""
    return await _download(context, bucket_id, file_id, inline=True)


@dataclass(frozen=True)
class Part:
    """An object that holds a stretch of a content."""

    key: str
    size: int
    """Bytes."""


def parts_of(connection: Connection, file_sequence: int) -> list[Part]:
    """The objects that a file consists of, in order."""
    rows = connection.execute(
        select(file_parts.c.key, file_parts.c.size)
        .where(file_parts.c.file_sequence == file_sequence)
        .order_by(file_parts.c.position)
    )
    return [Part(key, size) for key, size in rows]


async def read_parts(
    objects: ObjectStorage, parts: Sequence[Part], start: int, end: int
) -> AsyncIterator[bytes]:
    """Stream the bytes from ``start`` up to ``end`` of all parts together; open only the parts needed."""
    offset = 0
    for part in parts:
        first, last = max(start - offset, 0), min(end - offset, part.size)
        if first < last:
            async for piece in objects.read(part.key, first, last):
                yield piece
        offset += part.size
        if offset >= end:
            return


async def _download(context: Context, bucket_id: str, file_id: str, *, inline: bool) -> Download:
    def unit(connection: Connection) -> Download:
        bucket = find_bucket(connection, context.caller, bucket_id)
        row = file_to("read", connection, context.caller, bucket, file_id)
        parts = parts_of(connection, row.sequence)
        return Download(
            name=row.name,
            mime_type=row.mime_type,
            size=row.size,
            etag=row.signature,
            modified=row.updated_at,
            inline=inline,
            open=lambda start, end: read_parts(context.objects, parts, start, end),
        )

    return await context.database.read(unit)
