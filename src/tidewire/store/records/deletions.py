"""Objects that are no longer needed: noted with the change that made them so, deleted afterwards.

The note is written in the transaction that removes the last row that refers to the object, so that neither
a crash before nor one after the commit leaves an object behind or deletes one too early.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Select, delete, insert, literal, select, union_all

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.schema import (
    deployment_parts,
    deployments,
    file_parts,
    object_deletions,
    upload_parts,
    uploads,
)

DELETIONS_STEP: Final = 500
"""The number of objects that are deleted between two transactions."""
EXPIRY_STEP: Final = 20
"""The number of unfinished uploads that are discarded in one transaction."""
REFERENCES: Final = (
    file_parts.c.key,
    upload_parts.c.key,
    deployment_parts.c.key,
    deployments.c.output_key,
)
"""The columns that name the objects of a project. An object that none of them names is swept away, and not
part of a backup."""


def discard_objects(connection: Connection, keys: Sequence[str] | Select[tuple[str]]) -> None:
    """Note that the objects under ``keys``, a list or a query, are to be deleted after the commit."""
    if isinstance(keys, Select):
        wanted = keys.subquery()
        rows = select(wanted.c[0], literal(now(), BigInteger))
        connection.execute(insert(object_deletions).from_select(["key", "created_at"], rows))
    elif keys:
        moment = now()
        connection.execute(insert(object_deletions), [{"key": key, "created_at": moment} for key in keys])


async def delete_discarded(database: Database, objects: ObjectStorage) -> None:
    """Delete the objects that were noted."""

    def next_keys(connection: Connection) -> list[tuple[int, str]]:
        query = select(object_deletions.c.sequence, object_deletions.c.key).order_by(
            object_deletions.c.sequence
        )
        return [(row.sequence, row.key) for row in connection.execute(query.limit(DELETIONS_STEP))]

    while discarded := await database.read(next_keys):
        await objects.delete(key for _, key in discarded)
        done = delete(object_deletions).where(object_deletions.c.sequence <= discarded[-1][0])
        await database.write(lambda transaction, done=done: transaction.connection.execute(done) and None)  # type: ignore[misc]


def discard_expired_uploads(transaction: Transaction, max_age_ms: int) -> int:
    """Discard some uploads that nobody continued for too long; return how many.

    To be called again while it returns :data:`EXPIRY_STEP`.
    """
    connection = transaction.connection
    expired = list(
        connection.scalars(
            select(uploads.c.sequence).where(uploads.c.updated_at < now() - max_age_ms).limit(EXPIRY_STEP)
        )
    )
    if expired:
        discard_objects(
            connection, select(upload_parts.c.key).where(upload_parts.c.upload_sequence.in_(expired))
        )
        connection.execute(delete(uploads).where(uploads.c.sequence.in_(expired)))
    return len(expired)


def referenced_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """The ones of ``keys`` that a row refers to; objects already noted for deletion count too."""
    columns = (*REFERENCES, object_deletions.c.key)
    return set(connection.scalars(union_all(*(select(column).where(column.in_(keys)) for column in columns))))
