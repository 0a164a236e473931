"""Rows of deployments: versions of the code of functions, their sources and what was built of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, bindparam, delete, insert, or_, select, update

from tidewire.core.errors import TidewireError
from tidewire.core.uploads import Upload
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.deletions import discard_objects
from tidewire.store.records.stored_files import Part
from tidewire.store.schema import deployment_parts, functions
from tidewire.store.schema import deployments as table

LIST: Final = resource_list(
    table,
    "type",
    "sourceSize",
    "activate",
    "buildDuration",
    "buildSize",
    "totalSize",
    "status",
    searchable=(table.c.id, table.c.status, table.c.type),
)
MAX_BUILD_ATTEMPTS: Final = 3
"""How often a build is begun; each time but the last the server ended in the midst of it."""
STEP: Final = 20
"""Deployments that are deleted in one transaction."""

_OWNER: Final = deployment_parts.c.deployment_sequence
_MD5: Final = select(deployment_parts.c.md5).where(
    bindparam("sequence") == _OWNER, deployment_parts.c.number == bindparam("number")
)
_PARTS: Final = (
    select(deployment_parts.c.key, deployment_parts.c.size)
    .where(bindparam("sequence") == _OWNER)
    .order_by(deployment_parts.c.number)
)
_ARRIVED: Final = table.c.chunks_uploaded == table.c.chunks_total
_PENDING: Final = table.c.status.in_(("waiting", "building"))
_BY_ID: Final = select(table).where(table.c.id == bindparam("id"))
_OWNER_OF: Final = Prepared(select(table.c.function_sequence).where(table.c.id == bindparam("id")))
_WAITING: Final = select(table.c.sequence).where(table.c.status == "waiting", _ARRIVED)
_ANY_WAITING: Final = Prepared(_WAITING.limit(1))
_DAY_MS: Final = 24 * 3600 * 1000


def deployment_row(connection: Connection, function_sequence: int, deployment_id: str) -> Row[Any] | None:
    """A deployment of a function."""
    row = connection.execute(_BY_ID, {"id": deployment_id}).one_or_none()
    return row if row is not None and row.function_sequence == function_sequence else None


def owner_of_deployment(connection: Connection, deployment_id: str) -> int | None:
    """The number of the function that a deployment is of; None: there is no such deployment."""
    rows = _OWNER_OF.fetch(connection, {"id": deployment_id})
    return rows[0][0] if rows else None


def deployment_of_id(connection: Connection, deployment_id: str) -> Row[Any] | None:
    """A deployment, whichever function it belongs to."""
    return connection.execute(_BY_ID, {"id": deployment_id}).one_or_none()


def list_deployments(
    connection: Connection, function_sequence: int, queries: Sequence[str], search: str, total: bool
) -> tuple[int, list[Row[Any]]]:
    """A page of the deployments of a function, and how many there are; those still uploaded are none."""
    where = (table.c.function_sequence == function_sequence, _ARRIVED)
    return list_rows(connection, LIST, queries, search, where, total)


def insert_deployment(connection: Connection, values: Mapping[str, Any]) -> Row[Any]:
    """Write a new deployment."""
    return connection.execute(insert(table).returning(table), dict(values)).one()


def update_deployment(connection: Connection, sequence: int, values: Mapping[str, Any]) -> Row[Any]:
    """Change a deployment; returns it as it is now."""
    changed = update(table).where(table.c.sequence == sequence).values(values).returning(table)
    return connection.execute(changed).one()


def receive_chunk(connection: Connection, row: Row[Any], number: int, chunk: Upload) -> tuple[Row[Any], bool]:
    """Keep a chunk of the source; returns the deployment as it is now, and whether the chunk was new."""
    known_md5 = connection.scalar(_MD5, {"sequence": row.sequence, "number": number})
    if known_md5 is None:
        part = {"key": chunk.key, "size": chunk.size, "md5": chunk.md5}
        values = {"deployment_sequence": row.sequence, "number": number, **part}
        connection.execute(insert(deployment_parts), values)
        uploaded = {"chunks_uploaded": row.chunks_uploaded + 1}
        return update_deployment(connection, row.sequence, uploaded), True
    if known_md5 != chunk.md5:
        raise TidewireError(
            "storage_invalid_content_range",
            f"Chunk {number} arrived before with other content; delete the deployment to begin again.",
        )
    return row, False


def source_of(connection: Connection, sequence: int) -> list[Part]:
    """The objects that hold the source of a deployment, in order."""
    return [Part(key, size) for key, size in connection.execute(_PARTS, {"sequence": sequence})]


def delete_deployment(connection: Connection, row: Row[Any]) -> None:
    """Delete a deployment with its source and its output."""
    discard_objects(connection, select(deployment_parts.c.key).where(row.sequence == _OWNER))
    if row.output_key:
        discard_objects(connection, [row.output_key])
    connection.execute(delete(table).where(table.c.sequence == row.sequence))


def newest_deployment(connection: Connection, function_sequence: int) -> Row[Any] | None:
    """The newest deployment of a function whose source has arrived."""
    newest = select(table).where(table.c.function_sequence == function_sequence, _ARRIVED)
    return connection.execute(newest.order_by(table.c.sequence.desc()).limit(1)).one_or_none()


def claim_activation(connection: Connection, function_sequence: int, sequence: int) -> None:
    """Let no other deployment of a function become the active one when it is ready."""
    others = (table.c.function_sequence == function_sequence) & (table.c.sequence != sequence)
    connection.execute(update(table).where(others, _PENDING).values(activate=False))


def release_builds(transaction: Transaction) -> int:
    """Begin builds again that nobody works on any more; how many there are.

    Those that were begun too often have failed.
    """
    connection = transaction.connection
    building = table.c.status == "building"
    again = building & (table.c.build_attempts < MAX_BUILD_ATTEMPTS)
    released = connection.execute(update(table).where(again).values(status="waiting", build_logs=""))
    connection.execute(
        update(table)
        .where(building)
        .values(status="failed", build_logs=table.c.build_logs + "The server ended during this build.\n")
    )
    return released.rowcount


def next_build(connection: Connection) -> Row[Any] | None:
    """The deployment that is to be built next."""
    first = _WAITING.order_by(table.c.sequence).limit(1).scalar_subquery()
    return connection.execute(select(table).where(table.c.sequence == first)).one_or_none()


def begin_build(connection: Connection, row: Row[Any], moment: int) -> Row[Any]:
    """Note that a build begins."""
    begun = {"status": "building", "build_started_at": moment, "build_attempts": row.build_attempts + 1}
    return update_deployment(connection, row.sequence, {**begun, "updated_at": moment})


def current_build(connection: Connection, sequence: int) -> Row[Any] | None:
    """A deployment that is being built; None: it was canceled or deleted."""
    wanted = select(table).where(table.c.sequence == sequence, table.c.status == "building")
    return connection.execute(wanted).one_or_none()


def keep_build_logs(connection: Connection, sequence: int, logs: str) -> Row[Any] | None:
    """Keep the log of a build as far as it is; None: it was canceled or deleted."""
    building = (table.c.sequence == sequence) & (table.c.status == "building")
    return connection.execute(
        update(table).where(building).values(build_logs=logs).returning(table)
    ).one_or_none()


def builds_begun(connection: Connection) -> bool:
    """Whether any build was begun and has not ended."""
    begun = select(table.c.sequence).where(table.c.status == "building")
    return connection.execute(begun.limit(1)).first() is not None


def builds_wait(connection: Connection) -> bool:
    """Whether anything is to be built."""
    return bool(_ANY_WAITING.fetch(connection, {}))


def discard_expired_deployments(transaction: Transaction, now_ms: int, upload_max_age_ms: int) -> int:
    """Delete some deployments that are older than their function keeps them, and uploads that were given up.

    To be called again while it returns :data:`STEP`.
    """
    connection = transaction.connection
    expires_at = table.c.created_at + functions.c.deployment_retention * _DAY_MS
    expired: ColumnElement[bool] = or_(
        (functions.c.deployment_retention > 0)
        & (expires_at <= now_ms)
        & (functions.c.deployment_id != table.c.id)
        & ~_PENDING,
        ~_ARRIVED & (table.c.updated_at <= now_ms - upload_max_age_ms),
    )
    rows = connection.execute(
        select(table)
        .join(functions, functions.c.sequence == table.c.function_sequence)
        .where(expired)
        .limit(STEP)
    ).all()
    for row in rows:
        delete_deployment(connection, row)
    return len(rows)
