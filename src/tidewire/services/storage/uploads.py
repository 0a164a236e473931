"""Creation of files, in one request or chunk by chunk.

A file exists from the moment its last missing chunk is there, and not before: one transaction writes its
rows and its event. The content is never copied together: the objects of the chunks become the parts of
the file. All decisions are made in transactions, one after the other, so that chunks may come in any
order, at once, and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tidewire.core.checks.lists import PermissionList
from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.texts import FolderPath
from tidewire.core.errors import TidewireError
from tidewire.core.models import File
from tidewire.core.rate_limits import RateLimit
from tidewire.core.uploads import FilePart, Upload
from tidewire.services.context import Context
from tidewire.services.permissions import ITEM_ACTIONS, may, permissions_of_new_item, unauthorized
from tidewire.services.storage import operations
from tidewire.services.storage.chunks import ChunkPosition, file_id_of, place_of, wrong_upload_id
from tidewire.services.storage.completion import complete_upload
from tidewire.services.storage.events import FILE_CREATED, publish_file
from tidewire.services.storage.media_types import media_type
from tidewire.services.storage.records import (
    file_of,
    find_bucket,
    may_in_bucket,
    storing_in_bucket,
    unfinished_file_of,
    uploader_of,
)
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.stored_files import (
    Part,
    find_file,
    find_upload,
    insert_file,
    insert_part,
    insert_upload,
    md5_of_part,
    parts_of_upload,
)


@dataclass(frozen=True)
class _NewPart:
    """A part as it came, with what the request says about its file."""

    upload: Upload
    place: ChunkPosition
    file_id: str
    permissions: Sequence[str] | None
    folder: str

    @property
    def object(self) -> Part:
        """The object that holds the part."""
        upload = self.upload
        return Part(upload.key, upload.size, upload.compression, upload.sealed_key, upload.stored_size)


@dataclass(frozen=True)
class _Received:
    """What became of a part."""

    answer: File | list[Part]
    """The file; or, if now all chunks are there, their objects, for the upload is to be completed."""
    needed: bool = True
    """False: the part had arrived before."""
    complete: bool = False
    """The file had been completed before."""


@operations.declare(
    "createFile",
    "POST",
    "/storage/buckets/{bucketId}/files",
    scopes=("files.write",),
    status=201,
    event=FILE_CREATED,
    multipart=True,
    storing=storing_in_bucket,
    limit=RateLimit(60, 60, ("ip:{ip},method:{method},url:{url},userId:{userId},chunkId:{chunkId}",)),
)
async def create_file(
    context: Context,
    bucket_id: ResourceId,
    file_id: CustomId,
    file: Annotated[Upload, FilePart()],
    permissions: Annotated[Sequence[str], PermissionList((*ITEM_ACTIONS, "write"))] | None = None,
    folder: Annotated[str, FolderPath()] = "",
) -> File:
    """Upload a file, whole or one chunk of it."""
    try:
        place = place_of(file)
        part = _NewPart(file, place, file_id_of(file, file_id, place), permissions, folder)
        received = await context.database.write(
            lambda transaction: _receive(transaction, context, bucket_id, part)
        )
    except TidewireError:
        # Any other failure leaves in doubt whether a row refers to the object: the sweep decides later.
        await context.objects.delete([file.key])
        raise
    if not received.needed:
        await context.objects.delete([file.key])
    if received.complete:
        context.status = 200
    if isinstance(received.answer, File):
        return received.answer
    return await complete_upload(context, bucket_id, part.file_id, received.answer)


def _receive(transaction: Transaction, context: Context, bucket_id: str, part: _NewPart) -> _Received:
    connection, caller = transaction.connection, context.caller
    bucket = find_bucket(connection, caller, bucket_id)
    if not may(caller, "create", bucket.permissions):
        raise unauthorized("create files in", "this bucket")
    _check_rules(context, bucket, part)
    permissions = permissions_of_new_item(caller, part.permissions)
    existing = find_file(connection, bucket, part.file_id)
    if existing is not None:
        return _answer_again(context, bucket, existing, part)
    upload = find_upload(connection, bucket, part.file_id)
    if part.place.count > 1:
        if upload is None:
            upload = insert_upload(connection, bucket, **_fields(context, part, permissions))
        return _receive_chunk(connection, context, bucket, upload, part)
    if upload is not None:
        raise _already_exists()
    fields = _fields(context, part, permissions)
    row = insert_file(connection, bucket, [part.object], part.upload.md5, **fields)
    return _Received(publish_file(transaction, context, FILE_CREATED, bucket, file_of(row, bucket.id)))


def _check_rules(context: Context, bucket: Row[Any], part: _NewPart) -> None:
    allowed = [extension.lower().lstrip(".") for extension in bucket.allowed_file_extensions]
    if allowed and _extension(part.upload.name) not in allowed:
        raise TidewireError(
            "storage_file_type_unsupported",
            f"This bucket takes only files with the extensions {', '.join(allowed)}.",
        )
    largest = min(bucket.maximum_file_size, context.settings.max_file_bytes)
    if part.place.total > largest:
        raise TidewireError(
            "storage_invalid_file_size",
            f"The file has {part.place.total} bytes; this bucket takes files of at most {largest} bytes.",
        )


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _answer_again(context: Context, bucket: Row[Any], row: Row[Any], part: _NewPart) -> _Received:
    """A chunk of a complete upload is answered with the file, but only to those who may know about it."""
    caller = context.caller
    known = may_in_bucket(caller, "read", bucket, row)
    # Guests cannot be told apart: that one of them sent the file says nothing about the others.
    if not known and caller.kind != "guest":
        known = row.uploader == uploader_of(caller)
    if part.upload.range is None or part.place.total != row.size or not known:
        raise _already_exists()
    return _Received(file_of(row, bucket.id), needed=False, complete=True)


def _fields(context: Context, part: _NewPart, permissions: list[str]) -> dict[str, Any]:
    return {
        "id": part.file_id,
        "permissions": permissions,
        "name": part.upload.name,
        "folder": part.folder,
        "mime_type": media_type(part.upload.name, part.upload.head),
        "size": part.place.total,
        "chunks_total": part.place.count,
        "uploader": uploader_of(context.caller),
    }


def _receive_chunk(
    connection: Connection, context: Context, bucket: Row[Any], upload: Row[Any], part: _NewPart
) -> _Received:
    if upload.uploader != uploader_of(context.caller):
        raise wrong_upload_id() if part.place.number > 1 else _already_exists()
    if upload.size != part.place.total:
        raise TidewireError(
            "storage_invalid_content_range",
            f"The Content-Range header is wrong: this upload was begun with {upload.size} bytes in total.",
        )
    number = part.place.number
    known_md5 = md5_of_part(connection, upload, number)
    needed = known_md5 is None
    if needed:
        # What the file's first bytes tell of it, whenever they come.
        kind = {"mime_type": media_type(part.upload.name, part.upload.head)} if number == 1 else {}
        upload = insert_part(connection, upload, number, part.object, part.upload.md5, **kind)
    elif known_md5 != part.upload.md5:
        raise TidewireError(
            "storage_invalid_content_range",
            f"Chunk {number} arrived before with other content; delete the upload to begin again.",
        )
    if upload.chunks_uploaded == upload.chunks_total:
        return _Received(list(parts_of_upload(connection, upload).values()), needed)
    return _Received(unfinished_file_of(upload, bucket.id, upload.chunks_uploaded), needed)


def _already_exists() -> TidewireError:
    return TidewireError("storage_file_already_exists", "A file with this id already exists in this bucket.")
