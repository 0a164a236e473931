"""Answers that are pictures: made when it is the caller's turn, kept, sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.pictures.contract import (
    MIME_TYPES,
    Job,
    PictureError,
    PicturesBusyError,
    Seal,
    TooLargeError,
)
from tidewire.pictures.kept import KeptPicture
from tidewire.pictures.pictures import Content, Fetch
from tidewire.services.context import Context
from tidewire.store.engine.reading import present_share
from tidewire.store.objects.storage import ObjectMissingError

KEPT_SECONDS: Final = 30 * 24 * 3600
"""Seconds for which a client may show its copy without asking again."""

MODIFIED: Final = 1_796_083_200_000
"""When what is drawn counts as changed last, milliseconds since the epoch."""

_EDITION: Final = "1"
"""Changes when the same job makes another picture than before."""
_PIECE: Final = 256 * 1024


def tag_of(job: Job, *about: object) -> str:
    """The entity tag of a picture, which is known before it is made: of the job and what it is made from."""
    told = msgspec.json.encode([_EDITION, msgspec.to_builtins(job), *map(str, about)])
    return hashlib.sha256(told).hexdigest()[:40]


async def kept_picture(
    context: Context,
    name: str,
    job: Job,
    *,
    tag: str,
    folder: str,
    modified: int,
    content: Content | None = None,
    size: int = 0,
    fetch: Fetch | None = None,
    seal: Seal | None = None,
    kept_seconds: int = KEPT_SECONDS,
) -> Download:
    """A picture, taken from those that are kept below ``folder``, or made from ``content`` and kept there,
    encrypted where there is a ``seal``.

    Raises ``storage_file_type_unsupported`` for what is no picture, ``storage_image_resolution_exceeded`` for
    one that takes too much, ``general_server_busy`` if too many wait, ``storage_file_not_found`` if the
    content is missing.
    """
    assert context.pictures is not None, "requests come with what makes pictures"
    try:
        picture, context.cache_hit = await context.pictures.kept(
            f"{folder}/{tag}", present_party(), job, content, size, fetch, seal
        )
    except ObjectMissingError:
        raise content_missing() from None
    except PictureError as error:
        raise told(error) from None
    return _download(picture, name, job, tag, modified, kept_seconds)


async def drawn_picture(
    context: Context, name: str, job: Job, content: bytes = b"", *, inline: bool = True, kept_seconds: int = 0
) -> Download:
    """A picture that is made for this request alone. Raises what :func:`kept_picture` raises."""
    assert context.pictures is not None, "requests come with what makes pictures"
    try:
        made = await context.pictures.drawn(present_party(), job, content)
    except PictureError as error:
        raise told(error) from None
    tag = hashlib.sha256(made).hexdigest()[:40]
    return download_of(made, f"{name}.{job.output}", MIME_TYPES[job.output], tag, inline, kept_seconds)


def download_of(
    content: bytes, name: str, mime_type: str, tag: str, inline: bool, kept_seconds: int
) -> Download:
    """The answer with content that is in memory."""

    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        yield content[start:end]

    return Download(name, mime_type, len(content), tag, MODIFIED, inline, read, kept_seconds)


def content_missing() -> TidewireError:
    """The error for a file whose content cannot be read."""
    return TidewireError(
        "storage_file_not_found", "The content of this file is missing or damaged on the server."
    )


def told(error: PictureError) -> TidewireError:
    """The error of the API for a picture that was not made."""
    if isinstance(error, PicturesBusyError):
        return TidewireError("general_server_busy", str(error))
    if isinstance(error, TooLargeError):
        return TidewireError("storage_image_resolution_exceeded", f"The picture is too large: {error}.")
    return TidewireError("storage_file_type_unsupported", f"The picture cannot be shown: {error}.")


def present_party() -> str:
    """Return the party that the present request counts to when callers take turns."""
    share = present_share.get()
    return share.name if share else ""


def _download(
    picture: KeptPicture, name: str, job: Job, tag: str, modified: int, kept_seconds: int
) -> Download:
    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            stop = min(start + _PIECE, end)
            try:
                piece = picture.content[start:stop] or await asyncio.to_thread(picture.read, start, stop)
            except OSError as error:
                raise ObjectMissingError(str(error)) from None
            yield piece
            start = stop

    return Download(
        name=f"{name}.{job.output}",
        mime_type=MIME_TYPES[job.output],
        size=picture.size,
        etag=tag,
        modified=modified,
        inline=True,
        open=read,
        kept_seconds=kept_seconds,
    )
