"""Tokens of files: made, listed, changed, revoked by the app's own server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, FutureTime
from tidewire.core.errors import TidewireError
from tidewire.core.models import ResourceToken, ResourceTokenList
from tidewire.core.rate_limits import RateLimit
from tidewire.services.answers import datetime_or_empty, shown
from tidewire.services.context import Context
from tidewire.services.permissions import unauthorized
from tidewire.services.publishing import publish
from tidewire.services.storage.records import file_to, find_bucket, may_in_bucket
from tidewire.services.tokens import operations
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records import file_tokens as records
from tidewire.store.secrets.credentials import FileTokenClaims, encode_file_token

CREATED: Final = "tokens.[tokenId].create"
UPDATED: Final = "tokens.[tokenId].update"
DELETED: Final = "tokens.[tokenId].delete"

Expire = Annotated[int, FutureTime()]

_OF_FILE: Final = "/tokens/buckets/{bucketId}/files/{fileId}"
_BY_ID: Final = "/tokens/{tokenId}"
_LIMIT: Final = RateLimit(60, 60, ("ip:{ip},method:{method},url:{url},userId:{userId}",))


@operations.write(
    "createFileToken",
    "POST",
    _OF_FILE,
    scopes=("tokens.write",),
    status=201,
    event=CREATED,
    limit=_LIMIT,
)
def create_file_token(
    transaction: Transaction,
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    expire: Expire | None = None,
) -> ResourceToken:
    """Create a token of a file; who may change the file may do that."""
    connection = transaction.connection
    bucket = find_bucket(connection, context.caller, bucket_id)
    file = file_to("read", connection, context.caller, bucket, file_id)
    if not may_in_bucket(context.caller, "update", bucket, file):
        raise unauthorized("update", "this file")
    row = records.insert_token(connection, file, expire or 0)
    return _published(transaction, context, CREATED, _find(connection, row.id))


@operations.read("list", "GET", _OF_FILE, scopes=("tokens.read",))
def list_tokens(
    connection: Connection,
    context: Context,
    bucket_id: ResourceId,
    file_id: ResourceId,
    queries: Annotated[Sequence[str], QueryList(tuple(records.FILE_TOKENS.attributes))] = (),
    total: Boolean = True,
) -> ResourceTokenList:
    """List the tokens of a file, with their texts."""
    bucket = find_bucket(connection, context.caller, bucket_id)
    file = file_to("read", connection, context.caller, bucket, file_id)
    count, rows = records.list_tokens(connection, file, queries, total)
    return ResourceTokenList(
        total=count, tokens=[_token_of(context, row, bucket_id, file_id) for row in rows]
    )


@operations.read("get", "GET", _BY_ID, scopes=("tokens.read",))
def get_token(connection: Connection, context: Context, token_id: ResourceId) -> ResourceToken:
    """Get a token, with its text."""
    return _shown(context, _find(connection, token_id))


@operations.write("update", "PATCH", _BY_ID, scopes=("tokens.write",), event=UPDATED, limit=_LIMIT)
def update_token(
    transaction: Transaction,
    context: Context,
    token_id: ResourceId,
    expire: Expire | msgspec.UnsetType | None = msgspec.UNSET,
) -> ResourceToken:
    """Let a token expire at another time, or with null never; what is not given stays."""
    connection = transaction.connection
    row = _find(connection, token_id)
    if expire is not msgspec.UNSET:
        records.change_token(connection, row.sequence, expire or 0)
        row = _find(connection, token_id)
    return _published(transaction, context, UPDATED, row)


@operations.write("delete", "DELETE", _BY_ID, scopes=("tokens.write",), event=DELETED, limit=_LIMIT)
def delete_token(transaction: Transaction, context: Context, token_id: ResourceId) -> None:
    """Revoke a token: from now on it reads nothing."""
    row = _find(transaction.connection, token_id)
    records.drop_token(transaction.connection, row.sequence)
    _published(transaction, context, DELETED, row)


def _find(connection: Connection, token_id: str) -> Row[Any]:
    row = records.find_token(connection, token_id)
    if row is None:
        raise TidewireError("token_not_found", "There is no token with this id.")
    return row


def _published(transaction: Transaction, context: Context, pattern: str, row: Row[Any]) -> ResourceToken:
    """Tell of a token, without its text, and return it."""
    token = _shown(context, row)
    publish(transaction, context, pattern, {"tokenId": row.id}, msgspec.structs.replace(token, secret=""))
    return token


def _shown(context: Context, row: Row[Any]) -> ResourceToken:
    return _token_of(context, row, row.bucket_id, row.file_id)


def _token_of(context: Context, row: Row[Any], bucket_id: str, file_id: str) -> ResourceToken:
    """The token as the API shows it. Its text is signed anew each time, and each time the same."""
    claims = FileTokenClaims(context.project.id, bucket_id, file_id, row.id)
    return shown(
        ResourceToken,
        row,
        resource_id=f"{bucket_id}:{file_id}",
        resource_type="files",
        expire=datetime_or_empty(row.expires_at),
        secret=encode_file_token(claims, row.created_at, row.expires_at, context.jwt_secret),
    )
