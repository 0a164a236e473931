"""Presences: who is around, one row a user, and the connections that keep it.

A presence that was written over a realtime connection ends with the last connection that wrote it. That
is noted in the database, by process and connection, so that it holds for several processes and for those
that were killed (:mod:`tidewire.store.machine.processes`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, Row, bindparam, delete, exists, func, insert, or_, select, update

from tidewire.core.channels import event_audience
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.models.presences import Presence
from tidewire.core.time import format_datetime, now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.event_log import epoch
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.grants import delete_grants, readable, write_grants
from tidewire.store.records.rows import delete_row, find_row, insert_row
from tidewire.store.schema import presence_connections, presences, users

UPSERTED: Final = "presences.[presenceId].upsert"
UPDATED: Final = "presences.[presenceId].update"
DELETED: Final = "presences.[presenceId].delete"

PRESENCES: Final = resource_list(presences, "userInternalId", "userId", "expiresAt", "status", "source")

ENDING_STEP: Final = 100
"""The greatest number of presences that are ended in one transaction."""

_LIST_VERSION: Final = "presences.list_version"
_encode: Final = msgspec.json.Encoder().encode
_NEXT_EXPIRY: Final = select(func.min(presences.c.expires_at))
_USER: Final = select(users.c.sequence).where(users.c.id == bindparam("wanted"))


@dataclass(frozen=True)
class Writer:
    """A realtime connection."""

    process: str
    """Id of the process that it is open in."""
    connection: int
    """The number of the connection in that process."""


@dataclass(frozen=True, kw_only=True)
class PresenceState:
    """The part of a presence that its writer decides."""

    user_id: str
    status: str
    permissions: Sequence[str]
    """The permissions as they are stored."""
    expires_at: int
    metadata: dict[str, Any]
    source: Literal["rest", "graphql", "realtime"]


def set_presence(
    transaction: Transaction, presence_id: str, state: PresenceState, writer: Writer | None = None
) -> Presence:
    """Write the presence of a user, who keeps the id of the one they have, and its event.

    ``writer`` is the connection that it is to end with. Raises ``user_not_found``, and
    ``presence_already_exists`` if the id is that of another user's.
    """
    connection = transaction.connection
    user_sequence = _user_sequence(connection, state.user_id)
    mine_or_same_id = or_(presences.c.user_id == state.user_id, presences.c.id == presence_id)
    _end(transaction, (mine_or_same_id, presences.c.expires_at <= now()))
    row = find_row(connection, presences, user_id=state.user_id)
    if row is None:
        if find_presence(connection, presence_id) is not None:
            raise already_exists()
        sequence = _insert(connection, presence_id, user_sequence, state)
    else:
        sequence = row.sequence
        change_presence(connection, sequence, _columns(state))
    if writer is not None:
        _keep(connection, sequence, writer)
    return publish_presence(transaction, UPSERTED, sequence)


def change_presence(connection: Connection, sequence: int, values: dict[str, Any]) -> None:
    """Write some columns of a presence, and the grants if its permissions are among them."""
    connection.execute(
        update(presences).where(presences.c.sequence == sequence).values(**values, updated_at=now())
    )
    if "user_id" in values:
        # Connections of the user that it was of keep it no more.
        connection.execute(
            delete(presence_connections).where(presence_connections.c.presence_sequence == sequence)
        )
    if "permissions" in values:
        write_grants(connection, "presence", sequence, values["permissions"])


def publish_presence(transaction: Transaction, pattern: str, sequence: int) -> Presence:
    """Write the event of a change to the log; return the presence as it is now."""
    row = transaction.connection.execute(select(presences).where(presences.c.sequence == sequence)).one()
    presence = presence_of(row)
    _append(transaction, pattern, presence)
    return presence


def find_presence(connection: Connection, presence_id: str) -> Row[Any] | None:
    """The presence with this id, expired or not."""
    return find_row(connection, presences, id=presence_id)


def visible_presences(
    connection: Connection, queries: Sequence[str], total: bool, readers: Sequence[str] | None
) -> tuple[int, list[Row[Any]]]:
    """A page of the presences that have not expired, and their number: those that ``readers`` may read.

    ``readers`` are roles; None: all. Raises what :func:`list_rows` raises.
    """
    where = [presences.c.expires_at > now()]
    if readers is not None:
        where.append(readable("presence", presences.c.sequence, readers))
    return list_rows(connection, PRESENCES, queries, "", where, total)


def has_presence(connection: Connection, user_id: str) -> bool:
    """Whether a user has a presence, expired or not."""
    return find_row(connection, presences, user_id=user_id) is not None


def user_internal_id(connection: Connection, user_id: str) -> str:
    """The number of a user, as text. Raises ``user_not_found``."""
    return str(_user_sequence(connection, user_id))


def end_presence(transaction: Transaction, sequence: int) -> None:
    """Delete one presence and write its event."""
    _end(transaction, (presences.c.sequence == sequence,))


def end_presences_of(transaction: Transaction, user_id: str) -> None:
    """Delete the presence that a user may have, and write its event. To be called before the user goes."""
    _end(transaction, (presences.c.user_id == user_id,))


def end_expired(transaction: Transaction) -> int:
    """Delete some presences that expired, and write their events; return how many.

    To be called again while it returns :data:`ENDING_STEP`.
    """
    return _end(transaction, (presences.c.expires_at <= now(),))


def next_expiry(connection: Connection) -> int | None:
    """Return when the next presence expires, in milliseconds since the epoch; None if there is none."""
    next_at: int | None = connection.scalar(_NEXT_EXPIRY)
    return next_at


def end_expired_of(transaction: Transaction, user_id: str) -> None:
    """Delete the presence of a user if it has expired, and write its event."""
    _end(transaction, (presences.c.user_id == user_id, presences.c.expires_at <= now()))


def release(transaction: Transaction, writer: Writer) -> None:
    """End the presences that a connection, which ended, wrote and that no other open one wrote too."""
    links = presence_connections.c
    mine = (links.process == writer.process, links.connection == writer.connection)
    while _release(transaction, mine) == ENDING_STEP:
        continue


def release_processes(transaction: Transaction, processes: Collection[str]) -> int:
    """Processes ended without a word, so all their connections did: release some; return how many.

    To be called again while it returns :data:`ENDING_STEP`.
    """
    return _release(transaction, (presence_connections.c.process.in_(processes),))


def writing_processes(connection: Connection) -> set[str]:
    """The processes that connections which keep presences were open in."""
    return set(connection.scalars(select(presence_connections.c.process).distinct()))


def valid_lists(connection: Connection) -> str:
    """A name for the lists that may be kept; it changes when those kept must not be used any more."""
    return f"{epoch(connection)}.{read_state(connection, _LIST_VERSION) or 0}"


def purge_lists(connection: Connection) -> None:
    """Make all lists that were kept before invalid, from the commit on."""
    write_state(connection, _LIST_VERSION, str(int(read_state(connection, _LIST_VERSION) or 0) + 1))


def presence_of(row: Row[Any]) -> Presence:
    """The presence as the API shows it."""
    return Presence(
        id=row.id,
        created_at=format_datetime(row.created_at),
        updated_at=format_datetime(row.updated_at),
        permissions=row.permissions,
        user_id=row.user_id,
        status=row.status,
        source=row.source,
        expires_at=format_datetime(row.expires_at),
        metadata=row.metadata,
    )


def already_exists() -> TidewireError:
    """The error for an id or a user that has a presence already."""
    return TidewireError("presence_already_exists", "There is a presence with this id, or of this user.")


def _user_sequence(connection: Connection, user_id: str) -> int:
    sequence = connection.scalar(_USER, {"wanted": user_id})
    if sequence is None:
        raise TidewireError("user_not_found", "There is no user with this id.")
    return int(sequence)


def _columns(state: PresenceState) -> dict[str, Any]:
    return {
        "status": state.status,
        "permissions": list(state.permissions),
        "expires_at": state.expires_at,
        "metadata": state.metadata,
        "source": state.source,
    }


def _insert(connection: Connection, presence_id: str, user_sequence: int, state: PresenceState) -> int:
    row = insert_row(
        connection,
        presences,
        id=presence_id,
        user_id=state.user_id,
        user_internal_id=str(user_sequence),
        **_columns(state),
    )
    sequence = int(row.sequence)
    write_grants(connection, "presence", sequence, state.permissions)
    return sequence


def _keep(connection: Connection, sequence: int, writer: Writer) -> None:
    links = presence_connections.c
    values = {
        "presence_sequence": sequence,
        "process": writer.process,
        "connection": writer.connection,
    }
    known = select(links.process).where(*(links[name] == value for name, value in values.items()))
    if connection.scalar(known) is None:
        connection.execute(insert(presence_connections).values(**values))


def _release(transaction: Transaction, which: Sequence[ColumnElement[bool]]) -> int:
    """Forget who keeps some presences; end those that nobody else keeps."""
    connection, links = transaction.connection, presence_connections.c
    kept = list(
        connection.scalars(select(links.presence_sequence).where(*which).distinct().limit(ENDING_STEP))
    )
    if kept:
        connection.execute(delete(presence_connections).where(*which, links.presence_sequence.in_(kept)))
        others = exists(select(1).where(links.presence_sequence == presences.c.sequence))
        _end(transaction, (presences.c.sequence.in_(kept), ~others))
    return len(kept)


def _end(transaction: Transaction, which: Sequence[ColumnElement[bool]]) -> int:
    """Delete at most :data:`ENDING_STEP` presences, and tell those who could read them."""
    connection = transaction.connection
    rows = connection.execute(
        select(presences).where(*which).order_by(presences.c.sequence).limit(ENDING_STEP)
    ).all()
    for row in rows:
        delete_row(connection, presences, row.sequence)
        delete_grants(connection, "presence", row.sequence)
        _append(transaction, DELETED, presence_of(row))
    if rows:
        purge_lists(connection)
    return len(rows)


def _append(transaction: Transaction, pattern: str, presence: Presence) -> None:
    parameters = {"presenceId": presence.id}
    fields: dict[str, Any] = msgspec.to_builtins(presence)
    audience = event_audience(
        pattern=pattern,
        parameters=parameters,
        payload=fields,
        project_id=transaction.connection.project_id,
        team_id="",
    )
    transaction.append(
        Event(
            pattern=pattern,
            parameters=parameters,
            channels=audience.channels,
            roles=audience.roles,
            payload=_encode(fields),
            timestamp=now(),
        )
    )
