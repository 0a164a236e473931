"""Who may read the content of a file: those who may read the file, and who shows a token of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from tidewire.core.checks.texts import Text
from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.storage.records import file_not_found, file_to, find_bucket
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.records.file_tokens import ACCESS_PRECISION, note_access, usable_token
from tidewire.store.records.stored_files import Part, find_file, parts_of_file
from tidewire.store.secrets.credentials import InvalidJwtError, decode_file_token

T = TypeVar("T")


@dataclass(frozen=True)
class FileTokenText(Text):
    """The text of a file token; an empty one is none."""

    def convert(self, value: object) -> str:
        return "" if value == "" else super().convert(value)


Token = Annotated[str, FileTokenText(1, 512)]


@dataclass(frozen=True)
class ReadableFile:
    """A file whose content the caller may read."""

    bucket: Row[Any]
    row: Row[Any]
    parts: list[Part]
    """The objects that hold the content, in order."""


async def readable_file(
    context: Context, bucket_id: str, file_id: str, token: str, then: Callable[[ReadableFile], T]
) -> T:
    """What ``then`` makes of a file, in the same read, if the caller or the ``token`` may read it.

    A token that is of no use (expired, revoked, of another bucket or project) is as good as none. One of
    another file of the bucket is refused with ``user_unauthorized``. Raises what :func:`find_bucket` and
    :func:`file_to` raise.
    """
    used: list[int] = []

    def unit(connection: Connection) -> T:
        bucket = find_bucket(connection, context.caller, bucket_id)
        shown = _shown_token(connection, context, bucket_id, token) if token else None
        if shown is None:
            row = file_to("read", connection, context.caller, bucket, file_id)
        else:
            row = _file_of_token(connection, bucket, file_id, shown)
            if shown.accessed_at <= now() - ACCESS_PRECISION:
                used.append(shown.sequence)
        return then(ReadableFile(bucket, row, parts_of_file(connection, row)))

    found = await context.database.read(unit)
    if used:
        with suppress(TidewireError):  # a full disk does not keep anybody from reading
            await context.database.write(lambda transaction: note_access(transaction.connection, used[0]))
    return found


def _shown_token(connection: Connection, context: Context, bucket_id: str, token: str) -> Row[Any] | None:
    try:
        claims = decode_file_token(token, context.jwt_secret, now())
    except InvalidJwtError:
        return None
    if claims.project_id != context.project.id:
        return None
    row = usable_token(connection, claims.token_id)
    return row if row is not None and row.bucket_id == bucket_id else None


def _file_of_token(connection: Connection, bucket: Row[Any], file_id: str, token: Row[Any]) -> Row[Any]:
    if token.file_id != file_id:
        raise TidewireError("user_unauthorized", "The token is for another file.")
    row = find_file(connection, bucket, file_id)
    if row is None:
        raise file_not_found()
    return row
