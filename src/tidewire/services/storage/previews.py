"""Previews of files: pictures, scaled and changed as the request says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal, cast

from tidewire.core.checks.colors import Color
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Fraction, Whole
from tidewire.core.checks.texts import AnyCaseChoice, Choice
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.pictures.contract import HEIC, Gravity, Output, Rendering, Source
from tidewire.services.context import Context
from tidewire.services.pictures import content_missing, kept_picture, tag_of
from tidewire.services.storage import operations
from tidewire.services.storage.reading import ReadableFile, Token, readable_file
from tidewire.services.storage.records import previews_folder
from tidewire.store.engine.connection import Row
from tidewire.store.objects.seal import FileSeal
from tidewire.store.objects.storage import ObjectMissingError

_GRAVITIES: Final = (
    "center", "top-left", "top", "top-right", "left", "right", "bottom-left", "bottom", "bottom-right"
)  # fmt: skip
_OUTPUTS: Final = ("jpg", "jpeg", "png", "webp", "heic", "avif", "gif")
_INPUTS: Final[dict[str, Output]] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
    "image/heic": "heic",
}


class OutputFormat(Choice):
    """A format of pictures; empty: that of the file."""

    def convert(self, value: object) -> str:
        return "" if value == "" else super().convert(value)


Side = Annotated[int, Whole(0, 4000)]
OutputName = Annotated[
    Literal["", "jpg", "jpeg", "png", "webp", "heic", "avif", "gif"], OutputFormat(_OUTPUTS)
]


@operations.declare(
    "getFilePreview", "GET", "/storage/buckets/{bucketId}/files/{fileId}/preview", scopes=("files.read",)
)
async def get_file_preview(
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    width: Side = 0,
    height: Side = 0,
    gravity: Annotated[Gravity, AnyCaseChoice(_GRAVITIES)] = "center",
    quality: Annotated[int, Whole(-1, 100)] = -1,
    border_width: Annotated[int, Whole(0, 100)] = 0,
    border_color: Color = "",
    border_radius: Side = 0,
    opacity: Annotated[float, Fraction(0, 1)] = 1,
    rotation: Annotated[int, Whole(-360, 360)] = 0,
    background: Color = "",
    output: OutputName = "",
    token: Token = "",
) -> Download:
    """Get a preview of a file: a picture scaled and changed, or what stands for a file of another kind."""

    def of(file: ReadableFile) -> ReadableFile:
        if not file.bucket.transformations and not context.caller.bypasses_permissions:
            raise TidewireError(
                "storage_bucket_transformations_disabled", "This bucket makes no previews of its files."
            )
        return file

    file = await readable_file(context, bucket_id, file_id, token, of)
    row = file.row
    source = _source_of(row, context.settings.previews_max_file_bytes)
    job = Rendering(
        source=source,
        width=width,
        height=height,
        gravity=gravity,
        quality=quality,
        border_width=border_width,
        border_color=border_color,
        border_radius=border_radius,
        opacity=opacity,
        rotation=rotation % 360,
        background=background,
        output=_output_of(row, output),
    )
    return await kept_picture(
        context,
        row.name.rpartition(".")[0] or row.name,
        job,
        tag=tag_of(job, row.signature),
        folder=previews_folder(context.project, file.bucket, row),
        modified=row.updated_at,  # the format may follow the name
        content=(lambda: _parts(context, file)) if source == "content" else None,
        size=row.size if source == "content" else 0,
        seal=_seal(context, file) if source == "content" else None,
    )


def _seal(context: Context, file: ReadableFile) -> FileSeal | None:
    """What encrypts previews of an encrypted file where they are kept."""
    try:
        secret = context.objects.secret_of(file.parts[0])
    except ObjectMissingError:
        raise content_missing() from None
    return None if secret is None else FileSeal(secret)


async def _parts(context: Context, file: ReadableFile) -> AsyncIterator[bytes]:
    for part in file.parts:
        yield await context.objects.read_whole(part)


def _source_of(row: Row[Any], most_bytes: int) -> Source:
    if row.mime_type in _INPUTS and (HEIC or row.mime_type != "image/heic"):
        return "content" if row.size <= most_bytes else "image"
    return "video" if row.mime_type.startswith("video/") else "file"


def _output_of(row: Row[Any], asked: str) -> Output:
    """What is asked for; else what the file's name says, or without an extension its type; else JPEG."""
    extension = row.name.rpartition(".")[2].lower() if "." in row.name else ""
    chosen = asked or (extension if extension in _OUTPUTS else "")
    if not chosen and not extension:
        chosen = _INPUTS.get(row.mime_type, "")
    if chosen == "heic" and not (asked or HEIC):
        return "jpg"
    return "jpg" if chosen in {"", "jpeg"} else cast("Output", chosen)
