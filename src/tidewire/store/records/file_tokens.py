"""Tokens of files: each lets whoever shows its text read one file. They end with the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, and_, delete, select, update

from tidewire.core.ids import unique_id
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.rows import delete_row, insert_row, update_row
from tidewire.store.schema import buckets, file_tokens, files

FILE_TOKENS: Final = resource_list(file_tokens, "expire", columns={"expire": file_tokens.c.expires_at})
ACCESS_PRECISION: Final = 24 * 3600 * 1000
"""Milliseconds in which several uses are noted as one."""
STEP: Final = 500
"""Expired tokens deleted in one transaction."""

_WITH_FILE: Final = (
    select(file_tokens, files.c.id.label("file_id"), buckets.c.id.label("bucket_id"))
    .join(files, files.c.sequence == file_tokens.c.file_sequence)
    .join(buckets, buckets.c.sequence == files.c.bucket_sequence)
)


def insert_token(connection: Connection, file: Row[Any], expires_at: int) -> Row[Any]:
    """Add a token of a file; ``expires_at`` in milliseconds since the epoch, 0: it never expires."""
    return insert_row(
        connection, file_tokens, id=unique_id(), file_sequence=file.sequence, expires_at=expires_at
    )


def find_token(connection: Connection, token_id: str) -> Row[Any] | None:
    """The token with this id, expired or not, with ``bucket_id`` and ``file_id``."""
    return connection.execute(_WITH_FILE.where(file_tokens.c.id == token_id)).one_or_none()


def usable_token(connection: Connection, token_id: str) -> Row[Any] | None:
    """The token with this id that has not expired; None if there is none."""
    row = find_token(connection, token_id)
    return None if row is None or 0 < row.expires_at <= now() else row


def list_tokens(
    connection: Connection, file: Row[Any], queries: Sequence[str], total: bool
) -> tuple[int, list[Row[Any]]]:
    """A page of the tokens of a file, and how many there are. Raises what :func:`list_rows` raises."""
    return list_rows(connection, FILE_TOKENS, queries, "", (), total, file_sequence=file.sequence)


def change_token(connection: Connection, sequence: int, expires_at: int) -> None:
    """Let a token expire at another time; 0: never."""
    update_row(connection, file_tokens, sequence, expires_at=expires_at)


def drop_token(connection: Connection, sequence: int) -> None:
    """Delete a token, which no longer works."""
    delete_row(connection, file_tokens, sequence)


def note_access(connection: Connection, sequence: int) -> None:
    """Note that a token was used; it does not count as a change."""
    connection.execute(
        update(file_tokens).where(file_tokens.c.sequence == sequence).values(accessed_at=now())
    )


def delete_expired(moment: int, transaction: Transaction) -> int:
    """Delete a step of the tokens that expired at or before ``moment``."""
    expired = and_(file_tokens.c.expires_at > 0, file_tokens.c.expires_at <= moment)
    some = select(file_tokens.c.sequence).where(expired).limit(STEP)
    return transaction.connection.execute(
        delete(file_tokens).where(file_tokens.c.sequence.in_(some))
    ).rowcount
