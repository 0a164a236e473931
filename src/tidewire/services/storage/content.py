"""Downloads of files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from tidewire.core.checks.names import ResourceId
from tidewire.core.downloads import Download
from tidewire.services.context import Context
from tidewire.services.storage import operations
from tidewire.services.storage.reading import ReadableFile, Token, readable_file
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.records.stored_files import Part


@operations.declare(
    "getFileDownload", "GET", "/storage/buckets/{bucketId}/files/{fileId}/download", scopes=("files.read",)
)
async def get_file_download(
    context: Context, bucket_id: ResourceId, file_id: ResourceId, token: Token = ""
) -> Download:
    """Get the content of a file, to be saved."""
    return await readable_file(
        context, bucket_id, file_id, token, lambda file: download_of(context.objects, file, inline=False)
    )


@operations.declare(
    "getFileView", "GET", "/storage/buckets/{bucketId}/files/{fileId}/view", scopes=("files.read",)
)
async def get_file_view(
    context: Context, bucket_id: ResourceId, file_id: ResourceId, token: Token = ""
) -> Download:
    """Get the content of a file, to be shown."""
    return await readable_file(
        context, bucket_id, file_id, token, lambda file: download_of(context.objects, file, inline=True)
    )


async def read_parts(
    objects: ObjectStorage, parts: Sequence[Part], start: int, end: int
) -> AsyncIterator[bytes]:
    """Stream the bytes from ``start`` up to ``end`` of all parts together; open only the parts needed."""
    offset = 0
    for part in parts:
        first, last = max(start - offset, 0), min(end - offset, part.size)
        if first < last:
            async for piece in objects.read_content(part, first, last):
                yield piece
        offset += part.size
        if offset >= end:
            return


def download_of(objects: ObjectStorage, file: ReadableFile, *, inline: bool) -> Download:
    """The content of a file, to be sent as it is."""
    row = file.row
    return Download(
        name=row.name,
        mime_type=row.mime_type,
        size=row.size,
        etag=row.signature,
        modified=row.updated_at,
        inline=inline,
        open=lambda start, end: read_parts(objects, file.parts, start, end),
    )
