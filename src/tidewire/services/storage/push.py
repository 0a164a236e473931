"""Files for push messages and mails: whoever shows a token that was signed for one file gets it."""

from __future__ import annotations

from typing import Annotated

from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.texts import Text
from tidewire.core.downloads import Download
from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.storage import operations
from tidewire.services.storage.content import download_of
from tidewire.services.storage.reading import ReadableFile
from tidewire.services.storage.records import file_not_found, find_bucket
from tidewire.store.engine.connection import Connection
from tidewire.store.records.stored_files import find_file, parts_of_file
from tidewire.store.secrets.credentials import InvalidJwtError, PushClaims, decode_push_token


@operations.declare(
    "getFileForPush", "GET", "/storage/buckets/{bucketId}/files/{fileId}/push", scopes=("public",)
)
async def get_file_for_push(
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    jwt: Annotated[str, Text(0, 2048)] = "",
) -> Download:
    """Get the content of a file that a token names; its permissions are not asked."""
    claims = _claims(context, bucket_id, file_id, jwt)
    database, objects = context.database, context.objects
    if claims.internal:
        console = context.instance.console
        database, objects = console.database, console.objects

    def unit(connection: Connection) -> ReadableFile:
        bucket = find_bucket(connection, context.caller, bucket_id)
        row = find_file(connection, bucket, file_id)
        if row is None:
            raise file_not_found()
        return ReadableFile(bucket, row, parts_of_file(connection, row))

    file = await database.read(unit)
    return download_of(objects, file, inline=claims.disposition == "inline")


def _claims(context: Context, bucket_id: str, file_id: str, token: str) -> PushClaims:
    try:
        own = context.settings.secret_key.encode()
        claims = decode_push_token(token, context.jwt_secret, own, now())
    except InvalidJwtError:
        raise _refused() from None
    if (claims.project_id, claims.bucket_id, claims.file_id) != (context.project.id, bucket_id, file_id):
        raise _refused()
    return claims


def _refused() -> TidewireError:
    return TidewireError("user_unauthorized", "The token is not valid for this file, or no longer.")
