"""Operations that answer with what they were called with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from tidewire.core.checks.lists import Items, JsonObject, PermissionList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.checks.texts import Choice, Text
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.core.models import Model
from tidewire.core.operations import Operations
from tidewire.core.uploads import FilePart, Upload
from tidewire.services.context import Context

operations = Operations("probe")

Tags = Annotated[Sequence[str], Items(Text(1, 10))]


class Seen(Model, frozen=True):
    """What an operation saw."""

    arguments: dict[str, Any]
    caller: str = ""
    user_id: str = ""
    roles: tuple[str, ...] = ()
    by_jwt: bool = False
    ip: str = ""
    user_agent: str = ""
    project: str = ""


def seen(context: Context, **arguments: Any) -> Seen:
    """Describe a call."""
    caller = context.caller
    return Seen(
        arguments=arguments,
        caller=caller.kind,
        user_id=caller.user_id,
        roles=caller.roles,
        by_jwt=caller.by_jwt,
        ip=context.client.ip,
        user_agent=context.client.user_agent,
        project=context.project.id,
    )


@operations.declare("get", "GET", "/probe/{probeId}", scopes=("public", "global"), model=Seen)
async def get(
    context: Context,
    probe_id: ResourceId,
    tags: Tags = (),
    number: Annotated[int, Whole(0, 100)] = 7,
    flag: Boolean = False,
    text: Annotated[str, Text(1, 20)] = "",
    maybe: Annotated[str, Text(1, 20)] | None = None,
) -> Seen:
    """Show parameters of a query string."""
    return seen(context, probeId=probe_id, tags=list(tags), number=number, flag=flag, text=text, maybe=maybe)


@operations.declare(
    "change",
    "POST",
    "/probe/{probeId}",
    scopes=("global",),
    status=201,
    model=Seen,
    aliases=("/old/{probeId}",),
)
async def change(
    context: Context,
    probe_id: ResourceId,
    name: Annotated[str, Text(1, 8)],
    tags: Tags = (),
    permissions: Annotated[Sequence[str], PermissionList(("read", "update"))] | None = None,
    data: Annotated[dict[str, Any], JsonObject(1000)] | None = None,
    kind: Annotated[str, Choice(("a", "b"))] = "a",
    flag: Boolean = False,
) -> Seen:
    """Show parameters of a body."""
    return seen(
        context,
        probeId=probe_id,
        name=name,
        tags=list(tags),
        permissions=permissions,
        data=data,
        kind=kind,
        flag=flag,
    )


@operations.declare("fixed", "GET", "/probe/fixed", scopes=("global",), model=Seen)
async def fixed(context: Context) -> Seen:
    """A path that a placeholder would match too."""
    return seen(context, fixed=True)


@operations.declare("remove", "DELETE", "/probe/{probeId}", scopes=("global",), model=Seen)
async def remove(context: Context, probe_id: ResourceId, flag: Boolean = False) -> Seen:
    """Show parameters of a DELETE."""
    return seen(context, probeId=probe_id, flag=flag)


@operations.declare("broken", "GET", "/probe/broken", scopes=("global",), model=Seen)
async def broken(_context: Context) -> Seen:
    """Fail as a defect would."""
    raise RuntimeError("secret detail")


@operations.declare("odd", "GET", "/probe/odd", scopes=("global",), model=Seen)
async def odd(_context: Context) -> Seen:
    """Fail with a status that is not shown to clients."""
    raise TidewireError("general_protocol_unsupported", "secret detail")


@operations.declare("internal", "GET", "/probe/internal", scopes=("users.read",), model=Seen)
async def internal(context: Context) -> Seen:
    """For keys with a scope that people have not."""
    return seen(context)


@operations.declare(
    "upload", "POST", "/probe/{probeId}/upload", scopes=("global",), status=201, model=Seen, multipart=True
)
async def upload(
    context: Context,
    probe_id: ResourceId,
    name: Annotated[str, Text(1, 8)],
    file: Annotated[Upload, FilePart()],
    tags: Tags = (),
    refuse: Boolean = False,
) -> Seen:
    """Show a received file, then delete it."""
    if refuse:
        raise TidewireError("storage_file_type_unsupported", "Refused.")
    content = b"".join([piece async for piece in context.objects.read(file.key, 0, file.size)])
    await context.objects.delete([file.key])
    return seen(
        context,
        probeId=probe_id,
        name=name,
        tags=list(tags),
        fileName=file.name,
        size=file.size,
        md5=file.md5,
        stored=len(content),
        head=file.head[:16].decode("latin-1"),
        range=[file.range.start, file.range.end, file.range.total] if file.range else None,
        number=file.range.number if file.range else None,
        uploadId=file.upload_id,
    )


CONTENT = bytes(range(256)) * 65536
READING: set[str] = set()
"""Contents that are being read."""


@operations.declare("content", "GET", "/probe/{probeId}/content", scopes=("global",))
async def content(
    _context: Context,
    probe_id: ResourceId,
    name: Annotated[str, Text(1, 100)] = "a.bin",
    mime: Annotated[str, Text(1, 100)] = "application/octet-stream",
    inline: Boolean = False,
    size: Annotated[int, Whole(0, len(CONTENT))] = 1000,
    fail: Boolean = False,
) -> Download:
    """Send generated content."""

    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        READING.add(probe_id)
        try:
            for offset in range(start, end, 65536):
                if fail and offset > start:
                    raise OSError("the disk is gone")
                yield CONTENT[offset : min(offset + 65536, end)]
        finally:
            READING.discard(probe_id)

    return Download(name, mime, size, f"etag-{probe_id}", 1_700_000_000_000, inline, read)
