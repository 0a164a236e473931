"""Downloads of files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.downloads import Download
from tidewire.services.context import Context
from tidewire.services.storage import operations
from tidewire.services.storage.records import file_to, find_bucket
from tidewire.store.engine.connection import Connection
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.records.stored_files import Part, parts_of_file

Token = Annotated[str, Text(1, 512)]


@operations.read(
    "getFileDownload", "GET", "/storage/buckets/{bucketId}/files/{fileId}/download", scopes=("files.read",)
)
def get_file_download(
    connection: Connection,
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    token: Token = "",  # noqa: ARG001 - file tokens grant nothing
) -> Download:
    """Get the content of a file, to be saved."""
    return _download(connection, context, bucket_id, file_id, inline=False)


@operations.read(
    "getFileView", "GET", "/storage/buckets/{bucketId}/files/{fileId}/view", scopes=("files.read",)
)
def get_file_view(
    connection: Connection,
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    token: Token = "",  # noqa: ARG001 - file tokens grant nothing
) -> Download:
    """Get the content of a file, to be shown."""
    return _download(connection, context, bucket_id, file_id, inline=True)


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


def _download(
    connection: Connection, context: Context, bucket_id: str, file_id: str, *, inline: bool
) -> Download:
    bucket = find_bucket(connection, context.caller, bucket_id)
    row = file_to("read", connection, context.caller, bucket, file_id)
    parts = parts_of_file(connection, row)
    return Download(
        name=row.name,
        mime_type=row.mime_type,
        size=row.size,
        etag=row.signature,
        modified=row.updated_at,
        inline=inline,
        open=lambda start, end: read_parts(context.objects, parts, start, end),
    )
