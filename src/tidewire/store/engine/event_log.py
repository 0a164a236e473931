"""The event log of a project: what happened, in order, written in the transaction of the change itself.

Offsets only grow, and are given in the order of commits. The epoch names one history of the log: while
it stays the same, an offset stands for the same event. It changes when events that were handed out may
have been lost (:func:`settle_epoch`).
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select

from tidewire.core.events import Event, LoggedEvent
from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.deadlines import check_time
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.engine.state import delete_state, read_state, write_state
from tidewire.store.schema import event_log, event_secrets
from tidewire.store.secrets.encryption import SEALED

TRIM_STEP: Final = 500
"""Events that one call of :func:`trim` deletes at most, so that other writers need not wait long."""

_EPOCH: Final = "event_log.epoch"
_TRIMMED: Final = "event_log.trimmed"
_ORIGIN: Final = "event_log.origin"
_UNSYNCED_BOOT: Final = "event_log.unsynced_boot"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

_COLUMNS: Final = (
    "timestamp", "pattern", "parameters", "database_type", "channels", "roles", "payload", "user_id",
    "permissions_changed", "audience", "actor_id",
)  # fmt: skip
_newest_size = (
    select(event_log.c.cumulative_size).order_by(event_log.c.offset.desc()).limit(1).scalar_subquery()
)
_append = Prepared(
    insert(event_log)
    .values(
        {name: bindparam(name) for name in _COLUMNS}
        | {"size": bindparam("size"), "cumulative_size": func.coalesce(_newest_size, 0) + bindparam("size")}
    )
    .returning(event_log.c.offset)
)
_read_after = Prepared(
    select(event_log.c.offset, *(event_log.c[name] for name in _COLUMNS))
    .where(event_log.c.offset > bindparam("offset"))
    .order_by(event_log.c.offset)
    .limit(bindparam("limit"))
)
_last_offset = Prepared(select(func.max(event_log.c.offset)))
_encoder = msgspec.json.Encoder()
_decode_parameters = msgspec.json.Decoder(dict[str, str]).decode
_decode_strings = msgspec.json.Decoder(list[str]).decode


def append(connection: Connection, event: Event) -> LoggedEvent:
    """Write ``event`` to the log as part of the transaction that ``connection`` is in."""
    payload = event.payload
    if event.confidential:
        payload = connection.encryption.seal(payload.decode()).encode()
    parameters = _encoder.encode(event.parameters).decode()
    channels = _encoder.encode(event.channels).decode()
    roles = _encoder.encode(event.roles).decode()
    values = {
        "timestamp": event.timestamp,
        "pattern": event.pattern,
        "parameters": parameters,
        "database_type": event.database_type,
        "channels": channels,
        "roles": roles,
        "payload": payload,
        "user_id": event.user_id,
        "permissions_changed": int(event.permissions_changed),
        "audience": event.audience,
        "actor_id": event.actor_id,
        "size": len(payload) + len(event.pattern) + len(parameters) + len(channels) + len(roles),
    }
    offset = _append.fetch(connection, values)[0][0]
    return LoggedEvent(connection.project_id, offset, event)


def read_after(connection: Connection, offset: int, limit: int) -> list[LoggedEvent]:
    """The next events after ``offset``, oldest first, at most ``limit``."""
    project_id = connection.project_id
    rows = _read_after.execute(connection, {"offset": offset, "limit": limit})
    return [LoggedEvent(project_id, row[0], _event(connection, row)) for row in rows]


def read_chunk(connection: Connection, offset: int, limit: int, max_bytes: int) -> list[LoggedEvent] | None:
    """The next events after ``offset``: at least one if there is any, until ``limit`` or ``max_bytes``.

    None if events after ``offset`` were trimmed away.
    """
    if trimmed_offset(connection) > offset:
        return None
    project_id = connection.project_id
    chunk: list[LoggedEvent] = []
    size = 0
    rows = _read_after.execute(connection, {"offset": offset, "limit": limit})
    for row in rows:
        check_time(connection)
        chunk.append(LoggedEvent(project_id, row[0], _event(connection, row)))
        size += len(chunk[-1].event.payload)
        if size >= max_bytes:
            break
    rows.close()
    return chunk


def last_offset(connection: Connection) -> int:
    """Offset of the newest event ever written; 0 if there was none."""
    newest: int | None = _last_offset.fetch(connection, {})[0][0]
    return newest if newest is not None else trimmed_offset(connection)


def trimmed_offset(connection: Connection) -> int:
    """Offset of the newest event that was trimmed away: a reader at an earlier one has missed events."""
    return int(read_state(connection, _TRIMMED) or 0)


def epoch(connection: Connection) -> str:
    """The name of the log's present history."""
    value = read_state(connection, _EPOCH)
    assert value is not None, "the database was opened without settling the epoch of its log"
    return value


def trim(connection: Connection, max_age_ms: int, max_bytes: int, limit: int = TRIM_STEP) -> int:
    """Delete the oldest events that are too old or beyond the size, at most ``limit``; return how many.

    To be called again while it returns ``limit``.
    """
    table = event_log.c
    newest = connection.scalar(select(table.cumulative_size).order_by(table.offset.desc()).limit(1))
    if newest is None:
        return 0
    oldest = connection.execute(
        select(table.offset, table.timestamp, table.size, table.cumulative_size)
        .order_by(table.offset)
        .limit(limit)
    ).all()
    young = now() - max_age_ms
    count = last = 0
    for row in oldest:
        kept_with_this = newest - row.cumulative_size + row.size
        if row.timestamp >= young and kept_with_this <= max_bytes:
            break
        count, last = count + 1, row.offset
    if count:
        connection.execute(delete(event_log).where(table.offset <= last))
        connection.execute(delete(event_secrets).where(event_secrets.c.offset <= last))
        write_state(connection, _TRIMMED, str(last))
    return count


def settle_epoch(connection: Connection, *, durable: bool, first: bool, origin: str) -> bool:
    """Decide at opening whether the log still has the history that was handed out; write the epoch.

    A log is new without an epoch. It may have lost its end if it was put back from a copy (``origin`` is not
    what :func:`note_origin` noted), or was written without waiting for the disk (not ``durable``), not closed
    cleanly, and the machine was started again since. ``first``: no other process has the database open.
    Returns whether it was put back. The transaction must be committed durably.
    """
    boot = _boot_id()
    unsynced = read_state(connection, _UNSYNCED_BOOT)
    known = read_state(connection, _EPOCH) is not None
    put_back = known and first and read_state(connection, _ORIGIN) != origin
    lost = first and unsynced is not None and unsynced != boot
    if put_back or lost or not known:
        write_state(connection, _EPOCH, secrets.token_hex(8))
    if not durable:
        write_state(connection, _UNSYNCED_BOOT, boot)
    elif first and unsynced is not None:
        delete_state(connection, _UNSYNCED_BOOT)
    return put_back


def note_origin(connection: Connection, origin: str) -> None:
    """Note what tells this database from copies of it (:mod:`tidewire.store.engine.sqlite.witness`)."""
    if read_state(connection, _ORIGIN) != origin:
        write_state(connection, _ORIGIN, origin)


def is_marked_open(connection: Connection) -> bool:
    """Whether :func:`mark_closed` has anything to do."""
    return read_state(connection, _UNSYNCED_BOOT) is not None


def mark_closed(connection: Connection) -> None:
    """Note that the last process closes the log cleanly. The transaction must be committed durably."""
    delete_state(connection, _UNSYNCED_BOOT)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # Where that cannot be told, every opening after an unclean close counts as one after a power cut.
        return secrets.token_hex(16)


def _event(connection: Connection, row: Any) -> Event:
    _, timestamp, pattern, parameters, database_type, channels, roles, payload = row[:8]
    user_id, changed, audience, actor_id = row[8:]
    # No JSON text begins so.
    confidential = payload.startswith(SEALED)
    if confidential:
        payload = connection.encryption.open(payload.decode()).encode()
    return Event(
        pattern=pattern,
        parameters=_decode_parameters(parameters),
        channels=_decode_strings(channels),
        roles=_decode_strings(roles),
        payload=payload,
        timestamp=timestamp,
        user_id=user_id,
        permissions_changed=bool(changed),
        database_type=database_type,
        audience=audience,
        actor_id=actor_id,
        confidential=confidential,
    )
